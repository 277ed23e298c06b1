import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TenantTransaction, TenantUnknown } from '../../../src/store/index.ts';
import type { TenantName } from '../../../src/vocabulary/index.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';
import { newChannel, newJob, newUser } from './rows.ts';

let house: TwoTenants;
beforeAll(async () => {
  house = await openTwoTenants();
});
afterAll(() => house.close());

test('what a tenant writes it reads back, with microseconds and numbers as they were written', async () => {
  const { store, acme } = house;
  const written = await store.within(acme.name, async (tx) => {
    const id = await tx.nextId('chat_channel');
    await tx.chatChannel.create({ data: newChannel(tx, id, 'exact') });
    return tx.chatMessage.create({
      data: {
        tenantId: tx.tenantId,
        id: await tx.nextId('chat_message'),
        channelId: id,
        authorId: 1,
        body: 'x',
        metadata: '{"b": 1.0, "a": 12345678901234567890.50}',
        createdAt: '2026-01-05T09:30:00.123456Z',
      },
    });
  });
  const read = await store.within(acme.name, (tx) =>
    tx.chatMessage.findMany({
      where: { tenantId: tx.tenantId, createdAt: { lt: '2026-01-05T09:30:00.123457Z' } },
      orderBy: { createdAt: 'desc' },
      include: { channel: true },
    }),
  );
  expect(read).toHaveLength(1);
  expect(read[0]).toMatchObject({
    id: written.id,
    metadata: '{"a": 12345678901234567890.50, "b": 1.0}',
    createdAt: '2026-01-05T09:30:00.123456+00:00',
    channel: { name: 'exact' },
  });
});

test('an error in the work undoes all of it and reaches the caller as it was thrown', async () => {
  const { store, acme } = house;
  const mine = new Error('mine');
  const attempt = store.within(acme.name, async (tx) => {
    await tx.authUser.create({ data: newUser(tx, 900, 'nobody') });
    throw mine;
  });
  await expect(attempt).rejects.toBe(mine);
  const found = await store.within(acme.name, (tx) =>
    tx.authUser.count({ where: { tenantId: tx.tenantId, id: 900 } }),
  );
  expect(found).toBe(0);
});

test('a tenant that is not in the registry is TenantUnknown, and one added later is found', async () => {
  const { store, database } = house;
  const late = 'late-comer' as TenantName;
  await expect(store.within(late, async () => undefined)).rejects.toBeInstanceOf(TenantUnknown);
  const { addTenant } = await import('../../support/store.ts');
  await addTenant(database, 77, late);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  await expect(store.within(late, async (tx) => tx.tenantId)).resolves.toBe(77);
  expect((await store.tenants.list()).map((tenant) => tenant.name)).toContain(late);
});

test('ids go on from the last one, per tenant and table, and two at once never get the same', async () => {
  const { store, acme, globex } = house;
  const ids = await Promise.all(
    Array.from({ length: 8 }, () => store.within(acme.name, (tx) => tx.nextId('ai_job'))),
  );
  expect(ids.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await expect(store.within(globex.name, (tx) => tx.nextId('ai_job'))).resolves.toBe(1);
});

test('a scope passes its handler name and its tenant on', async () => {
  const { store, acme } = house;
  const scope = store.scope(acme.name, 'ai/jobs');
  await scope.within(async (tx) => tx.aiJob.create({ data: newJob(tx, await tx.nextId('ai_job')) }));
  await expect(scope.within((tx) => tx.aiJob.findMany({}))).rejects.toThrow(
    'ai/jobs: aiJob.findMany does not name the tenant',
  );
  expect(scope.tenant).toBe('acme');
});

test('row-104-database-trouble: two transactions that lock each other out are both carried through', async () => {
  const { store, acme } = house;
  await store.within(acme.name, (tx) =>
    tx.authUser.createMany({ data: [newUser(tx, 501, 'left'), newUser(tx, 502, 'right')] }),
  );
  const touch = (first: number, second: number) =>
    store.within(acme.name, async (tx) => {
      const rename = (id: number) =>
        tx.authUser.update({
          where: { tenantId_id: { tenantId: tx.tenantId, id } },
          data: { firstName: `by ${first}` },
        });
      await rename(first);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await rename(second);
    });
  await expect(Promise.all([touch(501, 502), touch(502, 501)])).resolves.toHaveLength(2);
});

test('row-104-database-trouble: a failing statement is not tried again', async () => {
  const { store, acme } = house;
  let runs = 0;
  const attempt = store.within(acme.name, async (tx) => {
    runs += 1;
    await tx.authUser.create({ data: newUser(tx, 1, 'twin') });
  });
  await expect(attempt).rejects.toMatchObject({ code: 'P2002' });
  expect(runs).toBe(1);
});

/** Fails as PostgreSQL does when a transaction should be repeated. */
const conflict = (tx: TenantTransaction) =>
  tx.$executeRaw`/* tenant_id */ DO 'BEGIN RAISE EXCEPTION ''again, please'' USING ERRCODE = ''40001''; END'`;

test('a transaction that PostgreSQL wants repeated is repeated, in a new transaction', async () => {
  const { store, acme } = house;
  let runs = 0;
  const done = await store.within(acme.name, async (tx) => {
    runs += 1;
    await tx.authUser.create({ data: newUser(tx, 700, 'once') });
    if (runs < 3) await conflict(tx);
    return runs;
  });
  expect(done).toBe(3);
});

test('it is repeated twice at most', async () => {
  const { store, acme } = house;
  let runs = 0;
  const attempt = store.within(acme.name, (tx) => {
    runs += 1;
    return conflict(tx);
  });
  await expect(attempt).rejects.toMatchObject({
    name: 'StoreUnavailable',
    reason: 'conflict',
    mayHaveWritten: false,
  });
  expect(runs).toBe(3);
});
