import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import {
  countTenant,
  deleteTenant,
  isolateTenant,
  listTenants,
  openStore,
  TenantUnknown,
} from '../../src/store/index.ts';
import { asSuperuser } from '../support/database.ts';
import { hostileRows } from '../support/hostile-rows.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../support/store.ts';
import { asRole, dumpTenants, hashTenants, named } from '../support/tenants.ts';

const databases: StoreDatabase[] = [];
let database: StoreDatabase;
beforeEach(async () => {
  database = await createStoreDatabase();
  databases.push(database);
  const tenants = [
    [1, 'acme'],
    [2, 'globex'],
  ] as const;
  for (const [id, name] of tenants) {
    await addTenant(database, id, name);
    await asSuperuser(hostileRows(id, id), database.superUrl);
  }
  for (const [id, name] of tenants) await asSuperuser(traces(id, name), database.superUrl);
});
afterAll(async () => {
  for (const one of databases) await one.drop();
});

/** What the gateway's own tables say of a tenant. */
const traces = (id: number, name: string) => `
  INSERT INTO banyan.follow_position VALUES ('slot', '0/1', '0/1') ON CONFLICT DO NOTHING;
  INSERT INTO banyan.move (feature, tables, state, epoch) VALUES ('chat', '{chat_channel,chat_message}', 'moving', 1) ON CONFLICT DO NOTHING;
  INSERT INTO banyan.row_change (tenant_id, table_name, change, key) SELECT ${id}, 'ai_job', 'delete', '{"id":1}' FROM generate_series(1, 4500);
  INSERT INTO banyan.row_standing (tenant_id, table_name) VALUES (${id}, 'ai_job');
  INSERT INTO banyan.outbox (tenant_id, feature, table_name, change, key) VALUES (${id}, 'chat', 'chat_message', 'delete', '{"id":9}');
  INSERT INTO banyan.outbox_tenant (tenant) VALUES (${id});
  INSERT INTO banyan.row_proof (tenant, feature, state, rows, detail) VALUES (${id}, 'chat', 'equal', 3, '');
  INSERT INTO banyan.stranger (tenant_id, position, feature, table_name, change, key) VALUES (${id}, '0/1', 'chat', 'chat_message', 'delete', '{}');
  INSERT INTO banyan.ended_session (tenant, hash) VALUES ('${name}', repeat('a', 64));
  INSERT INTO banyan.api_key (id, hash, tenant, user_id, scopes, label, created_at) VALUES ('key-${id}', repeat('${id}', 64), '${name}', 1, '{}', '', now());
  INSERT INTO banyan.shadow_sample (day, id, at, route, groups, request_id, tenant, method, path, legacy_status, new_status, legacy_skeleton, new_skeleton, differences, effects, replay)
    VALUES ('2026-01-01', 's${id}', now(), 'r', '{}', 'x', '${name}', 'GET', '/', 200, 200, '', '', '', '{}', '');
  INSERT INTO banyan.shadow_place (day, group_id, nr, sample_id) VALUES ('2026-01-01', 'g', ${id}, 's${id}');`;

const remove = (tenant: string, ifFollowed: 'refuse' | 'unfollow' = 'refuse') =>
  deleteTenant({ ownerUrl: database.ownerUrl, tenant: named(tenant), ifFollowed, forgetMs: 0 });

const ask = (sql: string) => asRole<pg.QueryResult>(database.superUrl, (client) => client.query(sql));

test('nothing of the tenant is in any table afterwards, and of the others nothing is missing', async () => {
  const others = await hashTenants(database.superUrl);
  const globex = await countTenant(database.ownerUrl, named('globex'));
  const deleted = await remove('acme');
  expect(deleted.keysRevoked).toBe(1);
  expect(deleted.tables).toContainEqual({ name: 'banyan.row_change', rows: 4_500 });
  expect(Object.keys(await dumpTenants(database.superUrl))).toEqual(['2']);
  expect((await hashTenants(database.superUrl))[2]).toBe(others[2]);
  expect(await countTenant(database.ownerUrl, named('globex'))).toEqual(globex);
  const named1 = await ask(`
    SELECT format('SELECT %L AS place FROM %I.%I WHERE %I::text = %L', format('%s.%s', n.nspname, c.relname), n.nspname, c.relname, a.attname,
      CASE WHEN a.atttypid = 'int4'::regtype THEN '1' ELSE 'acme' END) AS sql
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND a.attname IN ('tenant', 'tenant_id') AND NOT a.attisdropped ORDER BY 1`);
  const found = await ask((named1.rows as { sql: string }[]).map(({ sql }) => sql).join(' UNION ALL '));
  // A revoked key is refused as such, and stays.
  expect(found.rows).toEqual([{ place: 'banyan.api_key' }]);
  expect((await ask('SELECT id FROM banyan.api_key WHERE revoked_at IS NULL')).rows).toEqual([
    { id: 'key-2' },
  ]);
  expect((await ask('SELECT sample_id FROM banyan.shadow_place')).rows).toEqual([{ sample_id: 's2' }]);
  expect((await ask("SELECT FROM tenant WHERE id = 1 OR name = 'acme'")).rowCount).toBe(0);
  await expect(remove('acme')).rejects.toBeInstanceOf(TenantUnknown);
});

test('a tenant that follows legacy is kept, unless that is to end', async () => {
  await asSuperuser(
    "INSERT INTO banyan.followed_tenant VALUES (1, 'slot', '0/1'), (2, 'slot', '0/1')",
    database.superUrl,
  );
  const before = await dumpTenants(database.superUrl);
  await expect(remove('acme')).rejects.toThrow(
    'acme follows legacy by the slot slot. To end that and delete the copy that the store has: --unfollow',
  );
  expect(await dumpTenants(database.superUrl)).toEqual(before);
  expect((await ask('SELECT FROM banyan.leaving_tenant')).rowCount).toBe(0);
  expect((await ask('SELECT FROM banyan.api_key WHERE revoked_at IS NOT NULL')).rowCount).toBe(0);
  await remove('acme', 'unfollow');
  const { 1: _, ...others } = before;
  expect(await dumpTenants(database.superUrl)).toEqual(others);
});

test('a tenant of whom the new side owns a feature is kept, unless legacy shall own it again', async () => {
  await asSuperuser(
    "INSERT INTO banyan.tenure (tenant, feature, owner, step, epoch) VALUES (1, 'chat', 'new', 'settled', 1)",
    database.superUrl,
  );
  expect((await listTenants(database.ownerUrl))[0]).toMatchObject({ ownedByNew: ['chat'] });
  await expect(remove('acme')).rejects.toThrow(
    'The new side owns chat of acme, and legacy is kept in step (1 writes are not there yet). Hand it back first, or leave legacy as it is: --unfollow',
  );
  const epoch = async () =>
    (await ask('SELECT epoch::int AS epoch FROM banyan.epoch')).rows[0].epoch as number;
  const before = await epoch();
  await remove('acme', 'unfollow');
  expect(await epoch()).toBeGreaterThan(before);
});

test('a tenant that is being moved at this moment is kept, whatever is said', async () => {
  await asSuperuser(
    "INSERT INTO banyan.tenure (tenant, feature, owner, step, epoch) VALUES (1, 'chat', 'legacy', 'holding', 1)",
    database.superUrl,
  );
  await expect(remove('acme', 'unfollow')).rejects.toThrow('acme is being moved at this moment (chat).');
  await asSuperuser("UPDATE banyan.tenure SET step = 'settled'", database.superUrl);
  await asSuperuser(
    `INSERT INTO banyan.move_order (feature, tenant, "order", author) VALUES ('chat', 1, 'hand_over', 'ada')`,
    database.superUrl,
  );
  await expect(remove('acme', 'unfollow')).rejects.toThrow('acme is being moved at this moment (chat).');
});

test('a feature whose move is retired is no reason to keep a tenant', async () => {
  await asSuperuser(
    "UPDATE banyan.move SET state = 'retired'; INSERT INTO banyan.tenure (tenant, feature, owner, step, epoch) VALUES (1, 'chat', 'new', 'settled', 1)",
    database.superUrl,
  );
  await expect(remove('acme')).resolves.toMatchObject({ tenant: { name: 'acme' } });
});

test('while gateways may still know the tenant its rows are there; they are told, and forget it', async () => {
  const store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  const count = () =>
    store.within(named('acme'), async (tx) => tx.aiJob.count({ where: { tenantId: tx.tenantId } }));
  expect(await count()).toBe(7);
  let seen: Promise<number> | undefined;
  await deleteTenant({
    ownerUrl: database.ownerUrl,
    tenant: named('acme'),
    ifFollowed: 'refuse',
    forgetMs: 300,
    onProgress: (progress) => {
      if (progress.kind === 'waiting') seen = count();
    },
  });
  expect(await seen).toBe(7);
  expect((await store.tenants.list()).map(({ name }) => name)).toEqual(['globex']);
  await expect(count()).rejects.toBeInstanceOf(TenantUnknown);
  await store.close();
});

test('rows that come while it goes on are found and go, too', async () => {
  let isAdded = false;
  await deleteTenant({
    ownerUrl: database.ownerUrl,
    tenant: named('acme'),
    ifFollowed: 'refuse',
    forgetMs: 0,
    onProgress: (progress) => {
      if (progress.kind !== 'deleted' || progress.table !== 'public.chat_message' || isAdded) return;
      isAdded = true;
      void asSuperuser(
        `BEGIN; SELECT set_config('banyan.tenant_id', '1', true), set_config('banyan.note', 'copy', true);
         INSERT INTO django_session (tenant_id, session_key, session_data, expire_date) VALUES (1, 'late', 'x', now()); COMMIT`,
        database.superUrl,
      ).catch(() => undefined);
    },
  });
  expect(Object.keys(await dumpTenants(database.superUrl))).toEqual(['2']);
});

test('what is locked for long is left, said, and gone at the next try', async () => {
  await asRole(database.superUrl, async (client) => {
    await client.query(
      "BEGIN; SELECT set_config('banyan.tenant_id', '1', true); SELECT FROM ai_job WHERE tenant_id = 1 AND id = 3 FOR UPDATE",
    );
    await expect(remove('acme')).rejects.toThrow(
      /Somebody held rows or tables of acme for longer than five seconds/,
    );
  });
  await remove('acme');
  expect(Object.keys(await dumpTenants(database.superUrl))).toEqual(['2']);
});

test('a giant’s partitions go with it', async () => {
  await isolateTenant(database.ownerUrl, named('acme'));
  await remove('acme');
  expect((await ask("SELECT relname FROM pg_class WHERE relname LIKE '%\\_t1'")).rows).toEqual([]);
});
