import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { migrateStore, openStore, prepareDatabase, StoreRefusal } from '../../src/store/index.ts';
import { asSuperuser, superuserUrl } from '../support/database.ts';

const FOLDER = join(import.meta.dirname, '../../prisma/migrations');
const NAMES = readdirSync(FOLDER)
  .filter((name) => !name.endsWith('.toml'))
  .sort();
const PASSWORDS = { ownerPassword: 'owner-in-tests', appPassword: 'app-in-tests' };
const databases: string[] = [];

async function prepareEmpty(label: string) {
  const database = `${label}_${process.pid}`;
  databases.push(database);
  return prepareDatabase(superuserUrl(), { database, ...PASSWORDS });
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client
    .query(sql)
    .then(({ rows }) => rows as Record<string, unknown>[])
    .finally(() => client.end());
}

let migrated: Awaited<ReturnType<typeof prepareEmpty>>;
beforeAll(async () => {
  migrated = await prepareEmpty('migrated');
});
afterAll(async () => {
  for (const name of databases) await asSuperuser(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
});

test('two migrations at once apply each file once, and a later one finds nothing to do', async () => {
  const applied = await Promise.all([migrateStore(migrated.ownerUrl), migrateStore(migrated.ownerUrl)]);
  expect(applied.flat()).toEqual(NAMES);
  await expect(migrateStore(migrated.ownerUrl)).resolves.toEqual([]);
});

test("what was applied is recorded as Prisma's own command line records it", async () => {
  const rows = await query(migrated.ownerUrl, 'SELECT * FROM _prisma_migrations ORDER BY migration_name');
  const expected = NAMES.map((name) => ({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    migration_name: name,
    checksum: createHash('sha256')
      .update(readFileSync(join(FOLDER, name, 'migration.sql')))
      .digest('hex'),
    started_at: expect.any(Date),
    finished_at: expect.any(Date),
    applied_steps_count: 1,
    logs: null,
    rolled_back_at: null,
  }));
  expect(rows).toEqual(expected);
});

test('everything that was made belongs to the owner role, and the app role owns nothing', async () => {
  const owners = await query(
    migrated.ownerUrl,
    `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'banyan'::regnamespace)`,
  );
  expect(owners).toEqual([{ owner: 'banyan_owner' }]);
});

test('preparing again, also several times at once, changes nothing and fails nowhere', async () => {
  const again = () => prepareDatabase(superuserUrl(), { database: `migrated_${process.pid}`, ...PASSWORDS });
  const prepared = await Promise.all([again(), again(), again()]);
  expect(prepared).toEqual([migrated, migrated, migrated]);
  const store = await openStore({ url: migrated.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  await store.close();
});

test('a migration that cannot be applied says why, leaves nothing behind, and keeps the gateway from starting', async () => {
  const { ownerUrl, appUrl } = await prepareEmpty('blocked');
  await query(ownerUrl, 'CREATE SCHEMA banyan');
  const failure = await migrateStore(ownerUrl).catch((error: Error) => error);
  expect(failure).toBeInstanceOf(StoreRefusal);
  expect(String(failure)).toBe(
    `StoreRefusal: The migration ${NAMES[0]} could not be applied: ERROR: schema "banyan" already exists`,
  );
  const left = await query(
    ownerUrl,
    "SELECT count(*)::int AS n FROM pg_class WHERE relname LIKE 'auth_user%'",
  );
  expect(left).toEqual([{ n: 0 }]);
  await expect(
    openStore({ url: appUrl, emit: () => undefined, onUnscoped: 'refuse' }),
  ).rejects.toBeInstanceOf(StoreRefusal);
});

test('a database that already holds something else is not touched', async () => {
  const { ownerUrl } = await prepareEmpty('taken');
  await query(ownerUrl, 'CREATE TABLE something_else (id int)');
  await expect(migrateStore(ownerUrl)).rejects.toThrow(
    /^The migrations could not be applied: The database schema is not empty/,
  );
});

test('an owner address that leads nowhere is one sentence', async () => {
  const nowhere = migrated.ownerUrl.replace(/:\d+\//, ':1/');
  await expect(migrateStore(nowhere)).rejects.toThrow(
    /^The new store at 127\.0\.0\.1:1, .* cannot be reached \(ECONNREFUSED\)\. Start PostgreSQL or correct DATABASE_OWNER_URL\.$/,
  );
});
