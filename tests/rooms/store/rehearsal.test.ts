import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { TenantStore } from '../../../src/store/index.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';
import { newChannel, newJob, newUser } from './rows.ts';

let house: TwoTenants;
beforeAll(async () => {
  house = await openTwoTenants();
});
afterAll(() => house.close());

const NOW = { at: undefined, manner: 'read_write' } as const;

/** Every row of every table, the counters and the gateway's own tables included. */
async function readEverything(): Promise<unknown> {
  const client = new pg.Client({ connectionString: house.database.superUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ place: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS place FROM pg_tables WHERE schemaname IN ('public', 'banyan') ORDER BY 1`,
    );
    const contents = await client.query(
      `SELECT ${rows.map(({ place }) => `(SELECT COALESCE(json_agg(t ORDER BY t::text), '[]') FROM ${place} t) AS "${place}"`).join(', ')}`,
    );
    return contents.rows[0];
  } finally {
    await client.end();
  }
}

async function useEverything(scope: TenantStore): Promise<number> {
  const id = await scope.within(async (tx) => {
    const job = await tx.nextId('ai_job');
    await tx.aiJob.create({ data: newJob(tx, job) });
    return job;
  });
  await scope.within(async (tx) => {
    await tx.aiJob.update({
      where: { tenantId_id: { tenantId: tx.tenantId, id } },
      data: { status: 'done' },
    });
    await tx.chatChannel.create({ data: newChannel(tx, await tx.nextId('chat_channel'), 'rehearsed') });
    await tx.authUser.updateMany({ where: { tenantId: tx.tenantId }, data: { lastName: 'Changed' } });
  });
  return id;
}

test('a rehearsal runs the work, answers its result, and leaves every table and counter as before', async () => {
  const { store, acme } = house;
  const before = await readEverything();
  const { result: id } = await store.rehearsal(acme.name, 'ai/complete', NOW, useEverything);
  const again = await store.rehearse(acme.name, (tx) => tx.nextId('ai_job'));
  expect(id).toBe(1);
  expect(again).toBe(id);
  expect(await readEverything()).toEqual(before);
});

test('what one within of a rehearsal wrote, the next one reads', async () => {
  const { store, acme } = house;
  const { result: status } = await store.rehearsal(acme.name, 'ai/complete', NOW, async (scope) => {
    const id = await useEverything(scope);
    const job = await scope.within((tx) =>
      tx.aiJob.findUnique({ where: { tenantId_id: { tenantId: tx.tenantId, id } } }),
    );
    return job?.status;
  });
  expect(status).toBe('done');
});

test('an error inside one within undoes that one only, also after a statement that failed in the database', async () => {
  const { store, acme } = house;
  const { result: names } = await store.rehearsal(acme.name, 'chat/post', NOW, async (scope) => {
    await scope.within((tx) => tx.authUser.create({ data: newUser(tx, 10, 'kept') }));
    const twice = scope.within(async (tx) => {
      await tx.authUser.create({ data: newUser(tx, 11, 'undone') });
      await tx.authUser.create({ data: newUser(tx, 11, 'undone too') });
    });
    await expect(twice).rejects.toMatchObject({ code: 'P2002' });
    const users = await scope.within((tx) =>
      tx.authUser.findMany({ where: { tenantId: tx.tenantId }, orderBy: { id: 'asc' } }),
    );
    return users.map((user) => user.username);
  });
  expect(names).toEqual(['ada-acme', 'kept']);
});

test('withins of a rehearsal may run side by side and inside one another', async () => {
  const { store, acme } = house;
  const { result: ids } = await store.rehearsal(acme.name, 'files/upload', NOW, (scope) =>
    Promise.all(
      [1, 2, 3].map(() =>
        scope.within(async (tx) => {
          const outer = await tx.nextId('files_file');
          const inner = await scope.within((nested) => nested.nextId('files_file'));
          return [outer, inner];
        }),
      ),
    ),
  );
  expect(ids).toEqual([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
});

test('a rehearsal that fails is undone, too, and its error arrives', async () => {
  const { store, acme } = house;
  const before = await readEverything();
  const failing = store.rehearsal(acme.name, 'ai/complete', NOW, async (scope) => {
    await useEverything(scope);
    throw new Error('engine gone');
  });
  await expect(failing).rejects.toThrow('engine gone');
  expect(await readEverything()).toEqual(before);
});

test('a rehearsal changes nothing for a transaction that runs beside it', async () => {
  const { store, acme } = house;
  const seen = await store.rehearse(acme.name, async (tx) => {
    await tx.authUser.updateMany({
      where: { tenantId: tx.tenantId, id: 1 },
      data: { lastName: 'Rehearsed' },
    });
    return store.within(acme.name, (other) =>
      other.authUser.findFirst({ where: { tenantId: other.tenantId, id: 1 } }),
    );
  });
  expect(seen?.lastName).toBe('Lovelace');
});
