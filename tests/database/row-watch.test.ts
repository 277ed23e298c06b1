import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { isolateTenant } from '../../src/store/index.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../support/store.ts';

let database: StoreDatabase;
let owner: pg.Client;
beforeAll(async () => {
  database = await createStoreDatabase();
  owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

const rowsOf = async (sql: string) => (await owner.query(sql)).rows;

/** What the triggers were told of a table, beside what the catalogs say of it now. */
const WATCHED = `
  SELECT c.relname AS name,
    (SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int[], a.attnum::int)) FROM pg_index i
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname <> 'tenant_id'
      WHERE i.indrelid = c.oid AND i.indisprimary) AS keys,
    ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND atttypid = 'bytea'::regtype AND NOT attisdropped) AS bytes,
    (SELECT string_to_array(encode(g.tgargs, 'escape'), E'\\\\000') FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'row_journal') AS args
  FROM pg_class c WHERE c.relkind = 'p' AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1`;

test('every tenant table is watched, with the key and the bytes that it has', async () => {
  const tables = (await rowsOf(WATCHED)) as {
    name: string;
    keys: string[];
    bytes: string[];
    args: string[];
  }[];
  expect(tables.map(({ name }) => name)).toContain('files_chunk');
  for (const { name, keys, bytes, args } of tables)
    expect({ name, args: args.slice(0, 3) }).toEqual({
      name,
      args: [name, `{${keys.join(',')}}`, `{${bytes.join(',')}}`],
    });
});

test('so is every partition, also one that a giant gets later', async () => {
  const { name } = await addTenant(database, 7, 'giant');
  await isolateTenant(database.ownerUrl, name);
  const unwatched = await rowsOf(
    `SELECT c.relname FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' AND
       (SELECT count(*) FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname IN ('row_journal', 'row_standing')) <> 2
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
       AND c.relnamespace = 'public'::regnamespace`,
  );
  expect(unwatched).toEqual([]);
});

test('a new tenant table is watched from the beginning; watching it again takes in what has changed', async () => {
  await owner.query(`CREATE TABLE ticket (tenant_id integer NOT NULL, id integer NOT NULL, owner_id integer, PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, owner_id) REFERENCES auth_user (tenant_id, id)) PARTITION BY LIST (tenant_id)`);
  await owner.query(`SELECT banyan.make_tenant_table('ticket')`);
  const argsOf = async () =>
    ((await rowsOf(WATCHED)) as { name: string; args: string[] }[])
      .find(({ name }) => name === 'ticket')
      ?.args.slice(0, 3);
  expect(await argsOf()).toEqual(['ticket', '{id}', '{}']);
  await owner.query('ALTER TABLE ticket ADD COLUMN scan bytea');
  await owner.query(`SELECT banyan.watch_rows('ticket')`);
  expect(await argsOf()).toEqual(['ticket', '{id}', '{scan}']);
  await owner.query('DROP TABLE ticket');
});

test('foreign keys are checked at once as before, and can wait for the end where a transaction says so', async () => {
  const keys = await rowsOf(
    `SELECT DISTINCT condeferrable, condeferred FROM pg_constraint WHERE contype = 'f' AND conrelid IN (
       SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)`,
  );
  expect(keys).toEqual([{ condeferrable: true, condeferred: false }]);
});
