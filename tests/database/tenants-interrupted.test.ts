import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import {
  deleteTenant,
  exportTenant,
  listTenants,
  openStore,
  restoreTenant,
  TenantUnknown,
} from '../../src/store/index.ts';
import { asSuperuser } from '../support/database.ts';
import { hostileRows } from '../support/hostile-rows.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../support/store.ts';
import { asRole, cut, dumpTenants, exportWhole, named, restoreWhole } from '../support/tenants.ts';

let database: StoreDatabase;
let archive: Buffer;
let whole: Awaited<ReturnType<typeof dumpTenants>>;
beforeAll(async () => {
  database = await createStoreDatabase();
  for (const [id, name] of [
    [1, 'acme'],
    [2, 'globex'],
  ] as const) {
    await addTenant(database, id, name);
    await asSuperuser(hostileRows(id, id), database.superUrl);
  }
  // So many that a deletion takes several batches, and a restoring several statements.
  await asSuperuser(
    `BEGIN; SELECT set_config('banyan.tenant_id', '1', true);
     INSERT INTO ai_job (tenant_id, id, user_id, model, prompt, status, prompt_tokens, completion_tokens, temperature, cost)
       SELECT 1, n, 1, 'm', repeat('x', 500), 'done', 1, 1, 0.5, 1 FROM generate_series(1000, 21000) n;
     UPDATE banyan.id_counter SET last_id = 21000 WHERE tenant_id = 1 AND table_name = 'ai_job'; COMMIT`,
    database.superUrl,
  );
  archive = await exportWhole(database.ownerUrl, 'acme');
  whole = await dumpTenants(database.superUrl);
}, 60_000);
afterAll(() => database.drop());
beforeEach(async () => {
  const isThere = (await listTenants(database.ownerUrl)).some(({ name }) => name === 'acme');
  if (!isThere) await restoreWhole(database.ownerUrl, archive, undefined, 65_536);
});

const killAll = () =>
  asSuperuser(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}' AND application_name = 'banyan tenants'`,
  );
const wish = () =>
  ({ ownerUrl: database.ownerUrl, tenant: named('acme'), ifFollowed: 'refuse', forgetMs: 0 }) as const;

test('a restoring whose connection is ended leaves nothing, wherever it was, and succeeds the next time', async () => {
  await deleteTenant(wish());
  const { 1: _, ...others } = whole;
  for (const share of [0.1, 0.5, 0.9]) {
    const slow = async function* () {
      let [sent, isKilled] = [0, false];
      for await (const piece of cut(archive, 65_536)) {
        sent += piece.length;
        if (!isKilled && sent > archive.length * share) {
          await killAll();
          isKilled = true;
        }
        yield piece;
      }
    };
    const failed = restoreTenant({ ownerUrl: database.ownerUrl, source: slow() });
    await expect(failed).rejects.toThrow(/Nothing of it was restored/);
    expect(await dumpTenants(database.superUrl)).toEqual(others);
    expect((await listTenants(database.ownerUrl)).map(({ name }) => name)).toEqual(['globex']);
  }
  await restoreWhole(database.ownerUrl, archive, undefined, 65_536);
  expect(await dumpTenants(database.superUrl)).toEqual(whole);
});

test('a deletion whose connection is ended half-way shows nobody half a tenant, and goes on when it is run again', async () => {
  let batches = 0;
  const deleting = deleteTenant({
    ...wish(),
    onProgress: (progress) => {
      if (progress.kind === 'deleted') batches += 1;
      if (progress.kind === 'deleted' && progress.table === 'public.ai_job' && progress.rows === 4_000)
        void killAll();
    },
  });
  await expect(deleting).rejects.toThrow(/banyan tenants delete acme/);
  expect(batches).toBeGreaterThan(2);
  const half = (await dumpTenants(database.superUrl))[1]?.['public.ai_job'] ?? [];
  expect(half.length).toBeGreaterThan(0);
  expect(half.length).toBeLessThan(20_008);
  const store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  await expect(store.within(named('acme'), async (tx) => tx.aiJob.count())).rejects.toBeInstanceOf(
    TenantUnknown,
  );
  expect((await store.tenants.list()).map(({ name }) => name)).toEqual(['globex']);
  await store.close();
  expect((await listTenants(database.ownerUrl)).map(({ name, state }) => `${name} ${state}`)).toEqual([
    'acme leaving',
    'globex here',
  ]);
  await expect(exportWhole(database.ownerUrl, 'acme')).rejects.toThrow(/being deleted/);
  await expect(restoreWhole(database.ownerUrl, archive)).rejects.toThrow(/being deleted/);
  await deleteTenant(wish());
  const { 1: _, ...others } = whole;
  expect(await dumpTenants(database.superUrl)).toEqual(others);
  expect(await listTenants(database.ownerUrl)).toHaveLength(1);
});

test('an export whose connection is ended says that it is not whole', async () => {
  const pieces = exportTenant({ ownerUrl: database.ownerUrl, tenant: named('acme') });
  const reading = (async () => {
    let count = 0;
    for await (const _ of pieces) {
      count += 1;
      if (count === 4) await killAll();
    }
  })();
  await expect(reading).rejects.toThrow(/not whole/);
});

test('an export that nobody reads to its end gives its connection back', async () => {
  for await (const _ of exportTenant({ ownerUrl: database.ownerUrl, tenant: named('acme') })) break;
  await pause(100);
  const left = await asRole(database.superUrl, (client) =>
    client.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'banyan tenants'",
    ),
  );
  expect(left.rowCount).toBe(0);
});

test('two deletions of one tenant at once: one does it, the other is refused', async () => {
  const [first, second] = await Promise.allSettled([deleteTenant(wish()), deleteTenant(wish())]);
  const outcomes = [first, second].map(({ status }) => status).sort();
  expect(outcomes).toEqual(['fulfilled', 'rejected']);
});

test('two restorings of one tenant at once: one does it, the other is refused', async () => {
  await deleteTenant(wish());
  const both = await Promise.allSettled([
    restoreWhole(database.ownerUrl, archive, undefined, 65_536),
    restoreWhole(database.ownerUrl, archive, undefined, 65_536),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(await dumpTenants(database.superUrl)).toEqual(whole);
});

test('while a deletion goes on, others’ writes wait for nobody', async () => {
  const writer = new pg.Client({ connectionString: database.superUrl });
  await writer.connect();
  let slowestMs = 0;
  let isDone = false;
  const writing = (async () => {
    for (let nr = 0; !isDone; nr += 1) {
      const startedMs = performance.now();
      await writer.query(
        `BEGIN; SELECT set_config('banyan.tenant_id', '2', true); UPDATE auth_user SET email = '${nr}@x' WHERE tenant_id = 2 AND id = 1; COMMIT`,
      );
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
  })();
  await deleteTenant(wish());
  isDone = true;
  await writing;
  await writer.end();
  expect(slowestMs).toBeLessThan(1_000);
});
