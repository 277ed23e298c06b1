import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ReturnTrouble } from '../../../src/move/index.ts';
import type { Position } from '../../../src/vocabulary/index.ts';
import { dumpRows, TENANT_TABLES } from '../../support/follow.ts';
import { asTenant, listApart, type ReturningHouse, startReturningHouse } from '../../support/return.ts';

let house: ReturningHouse;
beforeAll(async () => {
  house = await startReturningHouse({ tenants: 3 });
  for (const tenant of [1, 2, 3]) await house.giveTo('new', tenant);
});
afterAll(() => house.close());

const legacy = (sql: string) => house.legacy.query(sql);
const store = async <Row extends object>(sql: string) => (await house.superuser.query<Row>(sql)).rows;

async function expectSame(schema = 'acme', tenantId = 1): Promise<void> {
  await house.drain(tenantId);
  expect(
    listApart(await dumpRows(house.legacy, { schema }), await dumpRows(house.superuser, { tenantId })),
  ).toEqual([]);
}

test('every type of the demo comes back exactly: odd letters, microseconds, number forms, bytes, NULLs, jsonb', async () => {
  await house.write(
    1,
    `INSERT INTO ai_job (tenant_id, id, user_id, model, prompt, completion, status, prompt_tokens, completion_tokens, temperature, cost, created_at, finished_at) VALUES
    (1, 5001, 1, 'm', E'\\uFEFFbyte order mark', '', 's', -2147483648, 2147483647, 'NaN', -999999.9999, 'infinity', '-infinity'),
    (1, 5002, 1, 'm', '{"not": "json"}, \\x00 ''quotes'' {,"} E\\u0041', NULL, 's', 0, 0, '-0', 0.0001, '2024-02-28T23:59:59.999999+14', NULL),
    (1, 5003, 1, 'm', '', 'NULL', 's', 0, 0, 5e-324, 1, '0001-01-01T00:00:00Z', '1900-01-01T00:00:00+00:19:32'),
    (1, 5004, 1, 'm', ' ', 'null', 's', 0, 0, 1.7976931348623157e308, 'NaN', '4714-11-24 00:00:00+00 BC', '123456-01-01T00:00:00Z'),
    (1, 5005, 1, 'm', E'line\\u2028separator, tab\\tand "quotes" \\\\ / é 😀', E'\\n\\r\\t\\b\\f\\x01\\x7f', 's', 0, 0, '-infinity', 1.5, now(), now())`,
    `INSERT INTO chat_message (tenant_id, id, channel_id, author_id, body, metadata, created_at) VALUES
    (1, 5001, 1, 1, '\\', '{"n": 9007199254740993, "f": 1.10, "e": 1e400, "s": "\\u0001\\\\ \\" é 😀", "l": [[], {}, null, true]}', now()),
    (1, 5002, 1, 1, E'\\n\\r\\t,"(){}', '"only a string"', now()), (1, 5003, 1, 1, '', 'null', now()), (1, 5004, 1, 1, '', '-0.0', now()),
    (1, 5005, 1, 1, '  spaces kept  ', '{"a, b": "c: d", "quote\\"d": "back\\\\slash", "__proto__": 1, "": []}', now())`,
    `INSERT INTO files_file (tenant_id, id, name, content_type, size, sha256, created_at, owner_id) VALUES (1, 5001, 'big', '', 9223372036854775807, 'short', now(), 1)`,
    `INSERT INTO files_chunk VALUES (1, 5001, 0, decode('00ff5c27227b7d2c0a', 'hex')), (1, 5001, 1, '')`,
    `INSERT INTO django_session VALUES (1, 'quote''d "key" \\', '', 'infinity')`,
  );
  await expectSame();
  const { rows } = await legacy(
    `SELECT temperature::text, cost::text FROM acme.ai_job WHERE id > 5000 ORDER BY id`,
  );
  expect(rows[1]).toEqual({ temperature: '-0', cost: '0.0001' });
  expect((await legacy(`SELECT metadata::text FROM acme.chat_message WHERE id = 5003`)).rows).toEqual([
    { metadata: 'null' },
  ]);
});

test('updates, deletes, cascades, changed keys and names that change places come back', async () => {
  await house.write(
    1,
    `UPDATE chat_message SET body = repeat(md5(id::text), 400) WHERE tenant_id = 1 AND id <= 3`,
  );
  await house.write(1, `UPDATE chat_message SET id = id + 100000 WHERE tenant_id = 1 AND id IN (2, 3)`);
  await house.write(1, `UPDATE files_chunk SET seq = seq + 10 WHERE tenant_id = 1 AND file_id = 4`);
  await house.write(1, `DELETE FROM files_file WHERE tenant_id = 1 AND id = 5`);
  await house.write(1, `UPDATE auth_user SET last_login = now() WHERE tenant_id = 1`);
  await house.write(1, `UPDATE auth_user SET last_login = last_login WHERE tenant_id = 1`);
  await house.write(
    1,
    `UPDATE auth_user SET username = 'third' WHERE tenant_id = 1 AND id = 1`,
    `UPDATE auth_user SET username = 'one' WHERE tenant_id = 1 AND id = 2`,
    `UPDATE auth_user SET username = 'two' WHERE tenant_id = 1 AND id = 1`,
  );
  await house.write(1, `DELETE FROM chat_message WHERE tenant_id = 1 AND id = 100002`);
  await house.write(
    1,
    `INSERT INTO django_session VALUES (1, 'again', 'a', now())`,
    `DELETE FROM django_session WHERE tenant_id = 1 AND session_key = 'again'`,
    `INSERT INTO django_session VALUES (1, 'again', 'b', now())`,
    `UPDATE django_session SET session_key = 'renamed' WHERE tenant_id = 1 AND session_key = 'again'`,
  );
  await expectSame();
});

test('what is undone never comes back; what hangs together may be longer than a batch', async () => {
  await expect(
    house.write(2, `DELETE FROM chat_message WHERE tenant_id = 2`, 'SELECT 1 / 0'),
  ).rejects.toThrow();
  await house.write(
    2,
    `INSERT INTO chat_message (tenant_id, id, channel_id, author_id, body, metadata, created_at)
     SELECT 2, 10000 + g, 1, 1, 'bulk ' || g, jsonb_build_object('n', g), now() FROM generate_series(1, 3000) g`,
    `UPDATE chat_message SET body = body || '!' WHERE tenant_id = 2 AND body LIKE 'bulk %'`,
    `DELETE FROM chat_message WHERE tenant_id = 2 AND body LIKE 'bulk %7!'`,
  );
  await house.drain(2);
  await house.write(
    2,
    'SET CONSTRAINTS ALL DEFERRED',
    `INSERT INTO chat_message (tenant_id, id, channel_id, author_id, body, metadata, created_at)
     SELECT 2, 20000 + g, 900, 1, 'before its channel', '{}', now() FROM generate_series(1, 2500) g`,
    `INSERT INTO chat_channel (tenant_id, id, name, topic, is_private, created_at, created_by_id) VALUES (2, 900, 'late', '', false, now(), 1)`,
  );
  await house.drain(2);
  await expectSame('globex', 2);
}, 90_000);

test('large values do not fill the memory: a batch ends early', async () => {
  await house.write(
    2,
    `INSERT INTO files_file (tenant_id, id, name, content_type, size, sha256, created_at, owner_id) VALUES (2, 5001, 'big', '', 1, 'x', now(), 1)`,
    `INSERT INTO files_chunk SELECT 2, 5001, s, decode(repeat(md5(s::text), 8000), 'hex') FROM generate_series(1, 120) s`,
  );
  await expectSame('globex', 2);
});

test('row-111-late-commit: a write that commits late is not passed over, though its line is older than what was carried already', async () => {
  const late = house.write(
    1,
    `INSERT INTO django_session VALUES (1, 'late', 'x', now())`,
    'SELECT pg_sleep(1)',
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  await house.write(1, `INSERT INTO django_session VALUES (1, 'early', 'x', now())`);
  await house.drain(1);
  const here = () =>
    legacy(`SELECT session_key FROM acme.django_session WHERE session_key IN ('early', 'late') ORDER BY 1`);
  expect((await here()).rows).toEqual([{ session_key: 'early' }]);
  await late;
  await house.drain(1);
  expect((await here()).rows).toEqual([{ session_key: 'early' }, { session_key: 'late' }]);
  await expectSame();
});

test('it carries by itself, soon, and leaves nothing behind', async () => {
  await house.write(3, `UPDATE ai_job SET status = 'by itself' WHERE tenant_id = 3`);
  const begunMs = performance.now();
  while ((await legacy(`SELECT FROM initech.ai_job WHERE status <> 'by itself'`)).rowCount !== 0) {
    expect(performance.now() - begunMs).toBeLessThan(5_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await expectSame('initech', 3);
  expect(await house.returning.pending(asTenant(3))).toEqual({ lines: 0, oldestMs: 0, trouble: undefined });
  for (const tenant of [1, 2, 3]) await house.drain(tenant);
  expect(await store('SELECT FROM banyan.outbox')).toEqual([]);
  expect(await store('SELECT FROM banyan.outbox_tenant')).toEqual([]);
});

test('row-116-echo: nothing of it echoes: the follower applies none of it, names nobody, parts nothing', async () => {
  await house.catchUp();
  expect(await store('SELECT FROM banyan.row_change')).toEqual([]);
  expect(await store('SELECT FROM banyan.stranger')).toEqual([]);
  expect(await store('SELECT FROM banyan.row_standing')).toEqual([]);
  expect(house.events.filter(({ type }) => type === 'rows_parted' || type === 'stranger_wrote')).toEqual([]);
  expect(house.told).toEqual([]);
  await expectSame();
});

test('two carriers at once carry everything, once', async () => {
  await house.openAnother();
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let nr = 0; nr < 100; nr += 1) {
      const id = 30_000 + writer * 1_000 + nr;
      await house.write(
        1,
        `INSERT INTO ai_job VALUES (1, ${id}, 1, 'm', 'p', NULL, 's', 0, 0, 0, 0, now(), NULL)`,
        `UPDATE ai_job SET prompt_tokens = prompt_tokens + 1 WHERE tenant_id = 1 AND id = 1`,
        ...(nr % 3 === 0 ? [`DELETE FROM ai_job WHERE tenant_id = 1 AND id = ${id}`] : []),
      );
    }
  });
  await Promise.all(writers);
  await expectSame();
  expect(house.told).toEqual([]);
});

test('standing: nothing is compared where the new side owns', async () => {
  expect(await house.store.journal.standing(house.acme, ['ai_job'])).toBe('apart');
  expect(await house.store.journal.standing(house.acme, [])).toBe('apart');
});

test('whoever writes on legacy to rows of the new side is named, row by row, and changes nothing', async () => {
  const before = await dumpRows(house.superuser, { tenantId: 3 });
  await legacy(`UPDATE initech.ai_job SET status = 'stranger' WHERE id IN (1, 2)`);
  await legacy(`DELETE FROM initech.chat_message WHERE id = 1`);
  await legacy(`INSERT INTO initech.django_session VALUES ('k', 'x', now())`);
  await house.catchUp();
  expect(await dumpRows(house.superuser, { tenantId: 3 })).toEqual(before);
  expect(
    await store(
      `SELECT feature, table_name, change, key::text AS key FROM banyan.stranger WHERE tenant_id = 3 ORDER BY id`,
    ),
  ).toEqual([
    { feature: 'all', table_name: 'ai_job', change: 'update', key: '{"id":1}' },
    { feature: 'all', table_name: 'ai_job', change: 'update', key: '{"id":2}' },
    { feature: 'all', table_name: 'chat_message', change: 'delete', key: '{"id":1}' },
    { feature: 'all', table_name: 'django_session', change: 'insert', key: '{"session_key":"k"}' },
  ]);
  expect(house.events).toContainEqual({
    type: 'stranger_wrote',
    tenant: 'initech',
    feature: 'all',
    table: 'ai_job',
    rows: 2,
  });
  expect(await store('SELECT FROM banyan.row_standing')).toEqual([]);
});

test('a row that a stranger took away on legacy comes back with its next change', async () => {
  await house.write(3, `UPDATE chat_message SET body = 'still here' WHERE tenant_id = 3 AND id <= 4`);
  await house.write(3, `UPDATE ai_job SET status = 'ours' WHERE tenant_id = 3`);
  await house.write(3, `DELETE FROM chat_message WHERE tenant_id = 3 AND id = 4`);
  await house.drain(3);
  await legacy(`DELETE FROM initech.django_session WHERE session_key = 'k'`);
  await expectSame('initech', 3);
});

test('handed back, legacy is followed again from just there; what strangers wrote before stays theirs', async () => {
  await house.write(3, `UPDATE ai_job SET status = 'last word' WHERE tenant_id = 3 AND id = 1`);
  await house.drain(3);
  await house.giveTo('legacy', 3);
  await legacy(`UPDATE initech.ai_job SET status = 'legacy again' WHERE id = 2`);
  await house.catchUp();
  expect(await dumpRows(house.superuser, { tenantId: 3 })).toEqual(
    await dumpRows(house.legacy, { schema: 'initech' }),
  );
  expect(await house.store.journal.standing('initech' as typeof house.acme, ['ai_job'])).toBe('followed');
  await expect(house.write(3, `DELETE FROM ai_job WHERE tenant_id = 3`)).rejects.toThrow('legacy owns all');
});

test("what legacy's own triggers write beside it, to rows that legacy owns, is followed", async () => {
  await house.giveTo('legacy', 2);
  await house.giveTo(
    'new',
    2,
    TENANT_TABLES.filter((table) => table !== 'django_session'),
  );
  await legacy(`CREATE FUNCTION globex.note_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO django_session VALUES ('job ' || NEW.id, 'by a trigger', now()); RETURN NULL; END $$;
    CREATE TRIGGER note_job AFTER INSERT ON globex.ai_job FOR EACH ROW EXECUTE FUNCTION globex.note_job()`);
  await house.write(
    2,
    `INSERT INTO ai_job VALUES (2, 40001, 1, 'm', 'p', NULL, 's', 0, 0, 0, 0, now(), NULL)`,
  );
  await house.drain(2);
  const position: Position = await house.catchUp();
  expect(position).toBeGreaterThan(0n);
  expect(
    await store(`SELECT session_data FROM django_session WHERE tenant_id = 2 AND session_key = 'job 40001'`),
  ).toEqual([{ session_data: 'by a trigger' }]);
  await expectSame('globex', 2);
  await legacy('DROP TRIGGER note_job ON globex.ai_job');
  expect(await store('SELECT FROM banyan.stranger WHERE tenant_id = 2')).toEqual([]);
});

test('a drain that is given up rejects; one of a tenant whose row does not fit says why', async () => {
  await legacy(`ALTER TABLE acme.ai_job ADD COLUMN duration_ms integer NOT NULL DEFAULT 1`);
  await legacy(`ALTER TABLE acme.ai_job ALTER COLUMN duration_ms DROP DEFAULT`);
  await house.write(
    1,
    `INSERT INTO ai_job VALUES (1, 50001, 1, 'm', 'p', NULL, 's', 0, 0, 0, 0, now(), NULL)`,
  );
  const failure = await house.drain(1).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ReturnTrouble);
  expect(String(failure)).toContain(
    'Tenant "acme", table ai_job: legacy wants a value in column "duration_ms" and is given none.',
  );
  const pending = await house.returning.pending(asTenant(1));
  expect(pending).toMatchObject({ lines: 1, trouble: expect.stringContaining('duration_ms') });
  await house.write(2, `UPDATE ai_job SET status = 'others go on' WHERE tenant_id = 2`);
  await house.drain(2);
  await expect(house.returning.drain(asTenant(1), AbortSignal.abort(new Error('enough')))).rejects.toThrow(
    'enough',
  );
  await legacy(`ALTER TABLE acme.ai_job DROP COLUMN duration_ms`);
  await expectSame();
});

test('a table that the new side owns is not parted by what legacy does: only the one that hangs on it', async () => {
  await house.giveTo('new', 3, ['auth_user']);
  await legacy(`BEGIN;
    INSERT INTO initech.auth_user (id, username, email, first_name, last_name, password, is_staff, is_active, date_joined)
    VALUES (9001, 'a stranger', '', '', '', '', false, true, now());
    INSERT INTO initech.ai_job (user_id, model, prompt, status, prompt_tokens, completion_tokens, temperature, cost, created_at)
    VALUES (9001, 'm', 'p', 's', 1, 1, 1, 1, now()); COMMIT`);
  await house.catchUp();
  expect(await store(`SELECT table_name FROM banyan.row_standing WHERE tenant_id = 3`)).toEqual([
    { table_name: 'ai_job' },
  ]);
  expect(
    await store(
      `SELECT change, key::text AS key FROM banyan.stranger WHERE tenant_id = 3 AND table_name = 'auth_user'`,
    ),
  ).toEqual([{ change: 'insert', key: '{"id":9001}' }]);
});

test("JSON's own null and a NULL stay apart in columns that take both, and what is beside them stays as it was written", async () => {
  await house.giveTo('new', 1);
  for (const schema of ['acme', 'globex', 'initech'])
    await legacy(
      `ALTER TABLE IF EXISTS ${schema}.chat_channel ADD COLUMN notes jsonb, ADD COLUMN draft json`,
    );
  await house.superuser.query(
    `ALTER TABLE chat_channel ADD COLUMN notes jsonb, ADD COLUMN draft json; SELECT banyan.watch_rows('chat_channel')`,
  );
  const insert = `INSERT INTO chat_channel (tenant_id, id, name, topic, is_private, created_at, created_by_id, notes, draft) VALUES`;
  await house.write(
    1,
    `${insert} (1, 7001, 'both', '', false, now(), 1, 'null', 'null'), (1, 7002, 'none', '', false, now(), 1, NULL, NULL),
      (1, 7003, 'one', '', false, now(), 1, NULL, 'null'), (1, 7004, 'other', '', false, now(), 1, 'null', '{"b": 1.0,  "a": null}')`,
    `UPDATE chat_channel SET notes = '{"a": null}', draft = NULL WHERE tenant_id = 1 AND id = 7003`,
    `UPDATE chat_channel SET notes = NULL WHERE tenant_id = 1 AND id = 7004`,
    `UPDATE chat_channel SET notes = 'null' WHERE tenant_id = 1 AND id = 7002`,
  );
  await house.drain(1);
  const { rows } = await legacy(
    `SELECT id, notes::text, draft::text FROM acme.chat_channel WHERE id > 7000 ORDER BY id`,
  );
  expect(rows).toEqual([
    { id: 7001, notes: 'null', draft: 'null' },
    { id: 7002, notes: 'null', draft: null },
    { id: 7003, notes: '{"a": null}', draft: null },
    { id: 7004, notes: null, draft: '{"b": 1.0,  "a": null}' },
  ]);
});
