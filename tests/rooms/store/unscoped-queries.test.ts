import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStore, Prisma, type TenantTransaction, UnscopedQuery } from '../../../src/store/index.ts';
import type { BanyanEvent } from '../../../src/vocabulary/index.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';
import { newJob, newUser } from './rows.ts';

let house: TwoTenants;
beforeAll(async () => {
  house = await openTwoTenants();
});
afterAll(() => house.close());

type Query = (tx: TenantTransaction) => Promise<unknown>;

const UNNAMED: readonly [string, Query][] = [
  ['findMany without arguments', (tx) => tx.aiJob.findMany()],
  ['findMany by another column', (tx) => tx.aiJob.findMany({ where: { id: 1 } })],
  [
    'findFirst with the tenant in one branch of OR',
    (tx) => tx.aiJob.findFirst({ where: { OR: [{ tenantId: 1 }, { id: 1 }] } }),
  ],
  ['count of all but a tenant', (tx) => tx.aiJob.count({ where: { NOT: { tenantId: 1 } } })],
  ['count by a range', (tx) => tx.aiJob.count({ where: { tenantId: { gte: 1 } } })],
  ['aggregate', (tx) => tx.aiJob.aggregate({ _sum: { promptTokens: true } })],
  ['groupBy', (tx) => tx.aiJob.groupBy({ by: ['status'], _count: true })],
  ['updateMany', (tx) => tx.aiJob.updateMany({ data: { status: 'failed' } })],
  ['deleteMany', (tx) => tx.aiJob.deleteMany({ where: { status: 'done' } })],
  ['raw SQL', (tx) => tx.$queryRaw`SELECT id FROM ai_job`],
  ['raw SQL as a value', (tx) => tx.$queryRaw(Prisma.sql`SELECT id FROM ai_job`)],
  ['raw SQL that changes', (tx) => tx.$executeRaw`DELETE FROM ai_job`],
];

const FOREIGN: readonly [string, Query][] = [
  ['findMany', (tx) => tx.aiJob.findMany({ where: { tenantId: 2 } })],
  ['findMany of two tenants', (tx) => tx.aiJob.findMany({ where: { tenantId: { in: [1, 2] } } })],
  ['findUnique', (tx) => tx.aiJob.findUnique({ where: { tenantId_id: { tenantId: 2, id: 1 } } })],
  ['create', (tx) => tx.aiJob.create({ data: { ...newJob(tx, 9), tenantId: 2 } })],
  [
    'one of createMany',
    (tx) => tx.aiJob.createMany({ data: [newJob(tx, 9), { ...newJob(tx, 10), tenantId: 2 }] }),
  ],
  ['a row given away', (tx) => tx.aiJob.updateMany({ where: { tenantId: 1 }, data: { tenantId: 2 } })],
  [
    'a row given away by set',
    (tx) => tx.aiJob.updateMany({ where: { tenantId: 1 }, data: { tenantId: { set: 2 } } }),
  ],
  [
    'a nested relation',
    (tx) => tx.authUser.findMany({ where: { tenantId: 1, jobs: { some: { tenantId: 2 } } } }),
  ],
];

const NAMED: readonly [string, Query][] = [
  ['where', (tx) => tx.aiJob.findMany({ where: { tenantId: tx.tenantId } })],
  ['where equals', (tx) => tx.aiJob.findMany({ where: { tenantId: { equals: tx.tenantId } } })],
  ['AND', (tx) => tx.aiJob.findMany({ where: { AND: [{ id: 1 }, { tenantId: tx.tenantId }] } })],
  [
    'a compound key',
    (tx) =>
      tx.authUser.findUnique({ where: { tenantId_username: { tenantId: tx.tenantId, username: 'x' } } }),
  ],
  [
    'order and selection by tenantId',
    (tx) =>
      tx.aiJob.findMany({
        where: { tenantId: tx.tenantId },
        orderBy: { tenantId: 'asc' },
        select: { tenantId: true },
      }),
  ],
  [
    'upsert',
    (tx) =>
      tx.authUser.upsert({
        where: { tenantId_id: { tenantId: tx.tenantId, id: 5 } },
        create: newUser(tx, 5, 'five'),
        update: {},
      }),
  ],
  ['raw SQL', (tx) => tx.$queryRaw`SELECT id FROM ai_job WHERE tenant_id = ${tx.tenantId}`],
];

test.each(UNNAMED)('a query that does not name its tenant is refused in tests: %s', async (_, query) => {
  await expect(house.store.within(house.acme.name, query)).rejects.toThrow(/does not name the tenant/);
});

test.each(FOREIGN)(
  "a query that names another tenant than its transaction's is refused: %s",
  async (_, query) => {
    await expect(house.store.within(house.acme.name, query)).rejects.toThrow(/names another tenant/);
  },
);

test.each(NAMED)('a query that names its tenant passes: %s', async (_, query) => {
  await expect(house.store.within(house.acme.name, query)).resolves.not.toBeUndefined();
});

test('in production an unnamed query runs, fenced by the policies, and is counted by handler, model and operation', async () => {
  const events: BanyanEvent[] = [];
  const store = await openStore({
    url: house.database.appUrl,
    emit: (event) => events.push(event),
    onUnscoped: 'count',
  });
  try {
    const scope = store.scope(house.acme.name, 'dashboard/summary');
    const users = await scope.within((tx) => tx.authUser.findMany());
    await scope.within((tx) => tx.$queryRaw`SELECT 1`);
    await expect(
      scope.within((tx) => tx.authUser.findMany({ where: { tenantId: 2 } })),
    ).rejects.toBeInstanceOf(UnscopedQuery);
    expect(new Set(users.map((user) => user.tenantId))).toEqual(new Set([1]));
    expect(events.filter(({ type }) => type === 'unscoped_query')).toEqual([
      { type: 'unscoped_query', handler: 'dashboard/summary', model: 'authUser', operation: 'findMany' },
      { type: 'unscoped_query', handler: 'dashboard/summary', model: '$raw', operation: '$queryRaw' },
    ]);
  } finally {
    await store.close();
  }
});

test.each([
  [
    'another tenant',
    (tx: TenantTransaction) =>
      tx.$executeRaw`SELECT set_config('banyan.tenant_id', '2', true), 1 AS tenant_id`,
  ],
  ['another tenant by SET', (tx: TenantTransaction) => tx.$executeRaw`SET LOCAL banyan.tenant_id = 2`],
  ['the end of it', (tx: TenantTransaction) => tx.$executeRaw`COMMIT /* tenant_id */`],
  ['all settings gone', (tx: TenantTransaction) => tx.$executeRaw`RESET ALL /* tenant_id */`],
])('row-100-injection: raw SQL cannot give its transaction %s', async (_, query) => {
  await expect(house.store.within(house.acme.name, query)).rejects.toThrow(
    /may not change or end its own transaction/,
  );
});

test('the transaction has no other doors: no unsafe SQL, no registry, no client', async () => {
  const doors = await house.store.within(house.acme.name, async (tx) => Object.keys(tx).toSorted());
  expect(doors).toEqual([
    '$executeRaw',
    '$queryRaw',
    'aiJob',
    'authUser',
    'chatChannel',
    'chatMessage',
    'djangoSession',
    'filesChunk',
    'filesFile',
    'nextId',
    'tenantId',
  ]);
});
