import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EDGE_ROWS } from '../../support/edge-rows.ts';
import { dumpRows, type FollowedHouse, startFollowedHouse } from '../../support/follow.ts';

let house: FollowedHouse;
beforeAll(async () => {
  house = await startFollowedHouse({ tenants: 3 });
});
afterAll(() => house.close());

const legacy = (sql: string, values: readonly unknown[] = []) => house.legacy.query(sql, [...values]);

/** Legacy's rows and the store's of one tenant, after everything has arrived. */
async function bothSides(schema: string, tenantId: number) {
  await house.catchUp();
  return [await dumpRows(house.legacy, { schema }), await dumpRows(house.superuser, { tenantId })] as const;
}

async function expectSame(schema = 'acme', tenantId = 1): Promise<void> {
  const [before, after] = await bothSides(schema, tenantId);
  expect(after).toEqual(before);
}

test('every type of the demo arrives exactly: odd letters, microseconds, number forms, bytes, NULLs, jsonb', async () => {
  await legacy(EDGE_ROWS);
  await legacy('SET search_path TO public');
  await legacy(
    `INSERT INTO acme.ai_job (user_id, model, prompt, completion, status, prompt_tokens, completion_tokens, temperature, cost, created_at, finished_at) VALUES
    (1, 'm', E'\\uFEFFbyte order mark', '', 's', -2147483648, 2147483647, 'NaN', -999999.9999, 'infinity', '-infinity'),
    (1, 'm', '{"not": "json"}, \\x00 ''quotes'' {,"}', NULL, 's', 0, 0, '-0', 0.0001, '2026-02-29T23:59:59.999999+14'::text::timestamptz - interval '1 day', NULL),
    (1, 'm', '', 'NULL', 's', 0, 0, 5e-324, 1, '0001-01-01T00:00:00Z', '1900-01-01T00:00:00+00:19:32'),
    (1, 'm', ' ', '', 's', 0, 0, 1.7976931348623157e308, 1, '4714-11-24 00:00:00+00 BC', NULL)`.replace(
      '2026-02-29',
      '2024-02-29',
    ),
  );
  await legacy(`INSERT INTO acme.chat_message (channel_id, author_id, body, metadata, created_at) VALUES
    (1, 1, '\\', '{"n": 9007199254740993, "f": 1.10, "e": 1e400, "s": "\\u0001\\\\ \\" é 😀", "l": [[], {}, null, true]}', now()),
    (1, 1, E'\\n\\r\\t,"(){}', '"only a string"', now()), (1, 1, '', 'null', now()), (1, 1, '', '-0.0', now())`);
  await legacy(
    `INSERT INTO acme.files_file (name, content_type, size, sha256, created_at, owner_id) VALUES ('big', '', 9223372036854775807, 'short', now(), 1)`,
  );
  await legacy(
    `INSERT INTO acme.files_chunk SELECT max(id), 0, decode('00ff5c27227b7d2c0a', 'hex') FROM acme.files_file`,
  );
  await legacy(`INSERT INTO acme.files_chunk SELECT max(id), 1, '' FROM acme.files_file`);
  await expectSame();
});

test('row-114-kinds-of-change: updates, deletes, cascades and changed keys arrive; what an update does not touch stays', async () => {
  await legacy(`UPDATE acme.chat_message SET body = repeat(md5(id::text), 400) WHERE id <= 3`);
  await legacy(`ALTER TABLE acme.chat_message ALTER COLUMN body SET STORAGE EXTERNAL`);
  await legacy(`UPDATE acme.chat_message SET body = body || body WHERE id <= 3`);
  // Large and left alone: the stream does not carry it.
  await legacy(`UPDATE acme.chat_message SET edited_at = now(), metadata = '{"edited": true}' WHERE id <= 3`);
  await legacy(`UPDATE acme.chat_message SET id = id + 100000 WHERE id IN (2, 3)`);
  await legacy(`UPDATE acme.files_chunk SET seq = seq + 10 WHERE file_id = 5`);
  await legacy(`DELETE FROM acme.files_file WHERE id = 5`);
  await legacy(`UPDATE acme.auth_user SET last_login = now()`);
  await legacy(`UPDATE acme.auth_user SET last_login = last_login`);
  await legacy(`DELETE FROM acme.chat_message WHERE id = 100002`);
  await expectSame();
});

test('one transaction may write a child before its parent, in several tenants, and undo a part of itself', async () => {
  await legacy('BEGIN');
  await legacy(
    `INSERT INTO acme.chat_message (channel_id, author_id, body, metadata, created_at) VALUES (900, 901, 'first the child', '{}', now())`,
  );
  await legacy(
    `INSERT INTO globex.chat_message (channel_id, author_id, body, metadata, created_at) VALUES (900, 1, 'here, too', '{}', now())`,
  );
  await legacy('SAVEPOINT a');
  await legacy(`DELETE FROM acme.ai_job`);
  await legacy('ROLLBACK TO a');
  await legacy(
    `INSERT INTO acme.chat_channel (id, name, topic, is_private, created_at, created_by_id) VALUES (900, 'late', '', false, now(), 901)`,
  );
  await legacy(
    `INSERT INTO globex.chat_channel (id, name, topic, is_private, created_at, created_by_id) VALUES (900, 'late', '', false, now(), 1)`,
  );
  await legacy(`INSERT INTO acme.auth_user (id, username, email, first_name, last_name, password, is_staff, is_active, date_joined)
    VALUES (901, 'later still', '', '', '', '', false, true, now())`);
  await legacy('COMMIT');
  await expectSame('acme', 1);
  await expectSame('globex', 2);
});

test('row-114-kinds-of-change: TRUNCATE empties the same tables', async () => {
  await legacy('TRUNCATE initech.chat_message, initech.chat_channel');
  await legacy('TRUNCATE initech.files_file CASCADE');
  await expectSame('initech', 3);
  const [, rows] = await bothSides('initech', 3);
  expect(rows.chat_message).toEqual([]);
  expect(rows.files_chunk).toEqual([]);
  expect(rows.ai_job).not.toEqual([]);
});

test('a transaction of many rows arrives whole, and nothing of one that was undone', async () => {
  await legacy('BEGIN');
  await legacy(`INSERT INTO globex.chat_message (channel_id, author_id, body, metadata, created_at)
    SELECT 1, 1, 'bulk ' || g, jsonb_build_object('n', g), now() FROM generate_series(1, 3000) g`);
  await legacy(`UPDATE globex.chat_message SET body = body || '!' WHERE body LIKE 'bulk %'`);
  await legacy(`DELETE FROM globex.chat_message WHERE body LIKE 'bulk %7!'`);
  await legacy('COMMIT');
  await legacy(`BEGIN; DELETE FROM globex.chat_message; ROLLBACK`);
  await expectSame('globex', 2);
});

test('new columns and tables of legacy that the store does not have are left out', async () => {
  await legacy(`ALTER TABLE acme.ai_job ADD COLUMN duration_ms integer`);
  await legacy(`CREATE TABLE acme.stranger (id serial PRIMARY KEY, name text)`);
  await legacy(`INSERT INTO acme.stranger (name) VALUES ('x')`);
  await legacy(`UPDATE acme.ai_job SET duration_ms = 5, status = 'measured' WHERE id = 1`);
  await house.catchUp();
  const { rows } = await house.superuser.query('SELECT status FROM ai_job WHERE tenant_id = 1 AND id = 1');
  expect(rows).toEqual([{ status: 'measured' }]);
  await legacy(`ALTER TABLE acme.ai_job DROP COLUMN duration_ms`);
  await expectSame();
});

test("ids go on after legacy's, and never back", async () => {
  await legacy(`INSERT INTO acme.ai_job (id, user_id, model, prompt, status, prompt_tokens, completion_tokens, temperature, cost, created_at)
    VALUES (70001, 1, 'm', 'p', 's', 1, 1, 1, 1, now()), (60001, 1, 'm', 'p', 's', 1, 1, 1, 1, now())`);
  await house.catchUp();
  await legacy('DELETE FROM acme.ai_job WHERE id > 60000');
  await house.catchUp();
  expect(await house.store.rehearse(house.acme, (tx) => tx.nextId('ai_job'))).toBe(70_002);
});

test('a tenant that legacy has and the store has not is left out until it is prepared', async () => {
  const before = house.events.length;
  await legacy(`CREATE SCHEMA newcomer`);
  await legacy(`CREATE TABLE newcomer.auth_user (LIKE acme.auth_user INCLUDING ALL)`);
  await legacy(
    `INSERT INTO public.tenants_tenant (id, schema_name, name, created_on) VALUES (77, 'newcomer', 'newcomer', now())`,
  );
  await legacy(`INSERT INTO newcomer.auth_user SELECT * FROM acme.auth_user WHERE id = 1`);
  await house.catchUp();
  expect(house.events.slice(before)).toEqual([]);
  expect((await house.superuser.query('SELECT FROM auth_user WHERE tenant_id = 77')).rowCount).toBe(0);
});

test('legacy itself is only read: no table, no row and no right of it changes', async () => {
  const { rows } = await house.legacy.query<{ tables: number; triggers: number }>(
    `SELECT (SELECT count(*)::int FROM pg_class WHERE relname LIKE '%banyan%') AS tables,
       (SELECT count(*)::int FROM pg_trigger WHERE NOT tgisinternal) AS triggers`,
  );
  expect(rows).toEqual([{ tables: 0, triggers: 0 }]);
});
