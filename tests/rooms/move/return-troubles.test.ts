import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { advanceSequences, FollowTrouble, prepareReturn, readSequences } from '../../../src/move/index.ts';
import { asSuperuser, superuserUrl } from '../../support/database.ts';
import { dumpRows } from '../../support/follow.ts';
import { asTenant, type ReturningHouse, startReturningHouse } from '../../support/return.ts';

let house: ReturningHouse;
beforeAll(async () => {
  house = await startReturningHouse({ tenants: 3 });
  await makeOdd();
  for (const tenant of [1, 2, 3]) await house.giveTo('new', tenant, [...TABLES, 'odd']);
});
afterAll(() => house.close());

const TABLES = ['auth_user', 'ai_job', 'chat_channel', 'chat_message', 'django_session'];
const legacy = (sql: string) => house.legacy.query(sql);
const stops = () =>
  house.told.flatMap((event) =>
    event.type === 'return_changed' ? [`${event.state} ${event.tenant ?? 'all'}: ${event.detail}`] : [],
  );
const job = (tenant: number, id: number, user = 1) =>
  `INSERT INTO ai_job VALUES (${tenant}, ${id}, ${user}, 'm', 'p', NULL, 's', 0, 0, 0, 0, now(), NULL)`;
const trouble = (tenant: number) =>
  house.drain(tenant).then(
    () => 'none',
    (error: Error) => error.message,
  );

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const untilMs = performance.now() + 15_000;
  while (!(await isSo())) {
    expect(performance.now()).toBeLessThan(untilMs);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const ODD = `id bigint, "Mood" mood, words text[], days date[], nested int[], many jsonb[], price numeric, small real, day date, clock time, zoned timetz,
  span interval, net inet, uid uuid, around int4range, doc json, doc_b jsonb NOT NULL, place point, bits bit(3), flag boolean, one "char", bytes bytea[], "odd ""name" text`;

/** A table with types that the demo does not have; legacy's has columns of its own. */
async function makeOdd(): Promise<void> {
  const mood = `CREATE TYPE mood AS ENUM ('fine', 'so "so"', 'NULL', '')`;
  await house.superuser.query(
    `${mood}; CREATE TABLE odd (tenant_id int NOT NULL, ${ODD}, CONSTRAINT odd_pkey PRIMARY KEY (tenant_id, id)) PARTITION BY LIST (tenant_id);
     ALTER TABLE odd OWNER TO banyan_owner; SELECT banyan.make_tenant_table('odd')`,
  );
  await legacy(`SET search_path TO acme; ${mood};
    CREATE TABLE odd (twice bigint GENERATED ALWAYS AS (id * 2) STORED, ${ODD}, only_here text DEFAULT 'kept', counted int GENERATED ALWAYS AS IDENTITY,
      CONSTRAINT odd_pkey PRIMARY KEY (id)); SET search_path TO public`);
}

const SHOWN = `"Mood"::text, words::text, days::text, nested::text, many::text, price::text, small::text, day::text, clock::text, zoned::text, span::text,
  net::text, uid::text, around::text, doc::text, doc_b::text, place::text, bits::text, flag, one::text, bytes::text, "odd ""name" AS odd`;

test('enums, arrays, dates, ranges, json with its own spaces, columns of odd names come back; what only legacy has is left alone', async () => {
  await house.write(
    1,
    `INSERT INTO odd VALUES (1, 9007199254740993, 'so "so"', '{NULL,"NULL","",a,"{\\"x"}', '{infinity,2024-02-29,"0044-03-15 BC"}', '{{1,2},{3,NULL}}',
       ARRAY['{"a": 1.0}'::jsonb, NULL], '123456789012345678901234567890.12300', '-0', '-infinity', '24:00:00', '10:00:00+14', '1 year -2 mons 3 days -00:00:00.000001',
       '::1/64', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '(,5)', '{"b" : 1,  "a":[ ], "b": 1e2}', '{"z": 1.50}', '(1,-0)', B'101', false, 'x', '{"\\\\x00ff",NULL}', 'x'),
     (1, 9007199254740992, '', '{}', '{}', '{}', '{}', 'NaN', 'NaN', 'infinity', '00:00', '00:00Z', '0', '10.0.0.1', NULL, 'empty', 'null', 'null', NULL, B'000', NULL, '', '{}', NULL),
     (1, 3, 'NULL', NULL, NULL, NULL, NULL, 'Infinity', '1e-45', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', NULL, NULL, NULL, NULL, NULL, '')`,
  );
  await house.drain(1);
  await legacy(`UPDATE acme.odd SET only_here = 'mine'`);
  await house.write(1, `UPDATE odd SET id = 9007199254740994 WHERE tenant_id = 1 AND id = 9007199254740993`);
  await house.write(1, `UPDATE odd SET price = price, flag = true WHERE tenant_id = 1`);
  await house.drain(1);
  const sides = [
    await house.superuser.query(`SELECT id::text, ${SHOWN} FROM odd WHERE tenant_id = 1 ORDER BY 1`),
    await house.legacy.query(`SELECT id::text, ${SHOWN} FROM acme.odd ORDER BY 1`),
  ];
  expect(sides[1]?.rows).toEqual(sides[0]?.rows);
  expect((await legacy(`SELECT DISTINCT only_here, twice = id * 2 AS twice FROM acme.odd`)).rows).toEqual([
    { only_here: 'mine', twice: true },
  ]);
});

test('a tenant that does not fit stops alone, says why without a value, and goes on by itself', async () => {
  await legacy(`INSERT INTO globex.auth_user (id, username, email, first_name, last_name, password, is_staff, is_active, date_joined)
    VALUES (7001, 'taken', '', '', '', '', false, true, now())`);
  await house.write(
    2,
    `INSERT INTO auth_user VALUES (2, 7002, 'taken', 'secret@example', '', '', '', false, true, now())`,
    job(2, 7001, 7002),
  );
  await until(() => stops().length > 0);
  expect(stops()).toEqual([
    'stopped globex: Tenant "globex", table auth_user: another row on legacy has the same key already (auth_user_username_key). Remove the one that is not the new side\'s.',
  ]);
  await house.write(3, job(3, 7001));
  await house.drain(3);
  expect((await house.returning.pending(asTenant(2))).lines).toBe(2);
  await legacy('DELETE FROM globex.auth_user WHERE id = 7001');
  await until(() => stops().length === 2);
  expect(stops()[1]).toBe('returning globex: It goes on.');
  expect((await legacy('SELECT user_id FROM globex.ai_job WHERE id = 7001')).rows).toEqual([
    { user_id: 7002 },
  ]);
  expect(JSON.stringify(house.told)).not.toContain('secret');
});

test('each kind of misfit has its sentence', async () => {
  await legacy(
    `CREATE TABLE globex.hangs_on (user_id int REFERENCES globex.auth_user (id)); INSERT INTO globex.hangs_on VALUES (7002)`,
  );
  await house.write(
    2,
    `DELETE FROM ai_job WHERE tenant_id = 2 AND id = 7001`,
    `DELETE FROM auth_user WHERE tenant_id = 2 AND id = 7002`,
  );
  expect(await trouble(2)).toContain(
    'a row would refer to one that legacy does not have (hangs_on_user_id_fkey)',
  );
  await legacy('DROP TABLE globex.hangs_on');
  expect(await trouble(2)).toBe('none');

  await legacy('ALTER TABLE globex.ai_job RENAME TO ai_gone');
  await house.write(2, job(2, 7003));
  expect(await trouble(2)).toContain("table ai_job: legacy has no such table in the tenant's schema");
  await legacy(
    'ALTER TABLE globex.ai_gone RENAME TO ai_job; ALTER TABLE globex.ai_job ALTER model TYPE varchar(1) USING left(model, 1)',
  );
  await house.write(2, `UPDATE ai_job SET model = 'longer' WHERE tenant_id = 2 AND id = 7003`);
  expect(await trouble(2)).toContain(
    'table ai_job: a value does not fit the type of a column on legacy (22001)',
  );
  await legacy('ALTER TABLE globex.ai_job ALTER model TYPE varchar(60)');
  expect(await trouble(2)).toBe('none');

  await legacy(`CREATE FUNCTION globex.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'secret'; END $$;
    CREATE TRIGGER refuse BEFORE DELETE ON globex.ai_job FOR EACH ROW EXECUTE FUNCTION globex.refuse()`);
  await house.write(2, 'DELETE FROM ai_job WHERE tenant_id = 2 AND id = 7003');
  expect(await trouble(2)).toContain('a trigger of legacy refuses a row.');
  await legacy('DROP TRIGGER refuse ON globex.ai_job');
  expect(await trouble(2)).toBe('none');
});

test('legacy away is told once; it goes on by itself', async () => {
  const before = stops().length;
  const name = new URL(house.legacyUrl).pathname.slice(1);
  await asSuperuser(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
  await asSuperuser(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' AND application_name = 'banyan return'`,
  );
  await house.write(3, job(3, 7100));
  await house.write(1, job(1, 7100));
  await until(() => stops().length > before);
  const drained = house.drain(3);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(stops().slice(before)).toEqual([
    "stopped all: Legacy's database cannot be written at the moment (55000).",
  ]);
  expect((await house.returning.pending(asTenant(1))).trouble).toContain('cannot be written');
  await asSuperuser(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
  await drained;
  await until(async () => (await house.returning.pending(asTenant(1))).lines === 0);
  expect(stops().slice(before + 1)).toEqual(['returning all: It goes on.']);
  expect((await dumpRows(house.legacy, { schema: 'initech' })).ai_job).toEqual(
    (await dumpRows(house.superuser, { tenantId: 3 })).ai_job,
  );
});

test("legacy's sequences are read, whatever made them, and only ever go up", async () => {
  const pool = new pg.Pool({ connectionString: house.legacyUrl });
  await legacy(`CREATE SEQUENCE initech.loose; CREATE TABLE initech.loose_table (id int PRIMARY KEY DEFAULT nextval('initech.loose'));
    CREATE TABLE initech.identity_table (other serial, id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT 5) PRIMARY KEY);
    SELECT nextval('initech.loose'), nextval('initech.identity_table_id_seq'), setval('initech.ai_job_id_seq', 500, false)`);
  const tables = ['ai_job', 'loose_table', 'identity_table', 'django_session', 'no such table'];
  try {
    expect(await readSequences(pool, 'initech', tables)).toEqual({
      ai_job: 500,
      loose_table: 2,
      identity_table: 6,
    });
    await advanceSequences(pool, 'initech', {
      ai_job: 400,
      loose_table: 9_000_000_000,
      identity_table: 70,
      django_session: 5,
    });
    expect(await readSequences(pool, 'initech', tables)).toEqual({
      ai_job: 500,
      loose_table: 9_000_000_000,
      identity_table: 70,
    });
    const { rows } = await legacy(`SELECT nextval('initech.ai_job_id_seq')::int AS next`);
    expect(rows).toEqual([{ next: 500 }]);
    expect(await readSequences(pool, 'initech', [])).toEqual({});
  } finally {
    await pool.end();
  }
});

test('preparing may be repeated, and says what the role lacks', async () => {
  await prepareReturn(house.legacyUrl);
  await asSuperuser(`CREATE ROLE weak_${process.pid} LOGIN PASSWORD 'weak'`);
  const url = new URL(superuserUrl());
  const bare = new URL(house.legacyUrl);
  bare.username = `weak_${process.pid}`;
  bare.password = 'weak';
  bare.pathname = url.pathname;
  await expect(prepareReturn(bare.href)).rejects.toThrow(FollowTrouble);
  await asSuperuser(`DROP ROLE weak_${process.pid}`);
});
