import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { copyTenants, openStore } from '../../src/store/index.ts';
import type { TenantName } from '../../src/vocabulary/index.ts';
import { newJob } from '../rooms/store/rows.ts';
import { asSuperuser, createDatabase } from '../support/database.ts';
import { createStoreDatabase, type StoreDatabase } from '../support/store.ts';

type Legacy = Awaited<ReturnType<typeof createDatabase>>;
let legacy: Legacy;
let database: StoreDatabase;

// As Django makes them, columns in another order than ours, and a table that we do not know.
const schemaDdl = (schema: string) => `
  CREATE SCHEMA ${schema};
  SET search_path TO ${schema};
  CREATE TABLE django_migrations (id serial PRIMARY KEY, app text);
  CREATE TABLE auth_user (id serial PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz, username varchar(150) NOT NULL UNIQUE,
    first_name varchar(150) NOT NULL, last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff boolean NOT NULL, is_active boolean NOT NULL, date_joined timestamptz NOT NULL);
  CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL);
  CREATE TABLE ai_job (id serial PRIMARY KEY, model varchar(60) NOT NULL, prompt text NOT NULL, completion text, status varchar(20) NOT NULL, prompt_tokens int NOT NULL,
    completion_tokens int NOT NULL, temperature float8 NOT NULL, cost numeric(10,4) NOT NULL, created_at timestamptz NOT NULL, finished_at timestamptz, user_id int NOT NULL REFERENCES auth_user);
  CREATE TABLE chat_channel (id serial PRIMARY KEY, name varchar(80) NOT NULL, topic text NOT NULL, is_private boolean NOT NULL, created_at timestamptz NOT NULL, created_by_id int NOT NULL REFERENCES auth_user);
  CREATE TABLE chat_message (id serial PRIMARY KEY, body text NOT NULL, metadata jsonb NOT NULL, created_at timestamptz NOT NULL, edited_at timestamptz, author_id int NOT NULL REFERENCES auth_user, channel_id int NOT NULL REFERENCES chat_channel);
  CREATE TABLE files_file (id serial PRIMARY KEY, name varchar(255) NOT NULL, content_type varchar(100) NOT NULL, size bigint NOT NULL, sha256 char(64) NOT NULL, created_at timestamptz NOT NULL, owner_id int NOT NULL REFERENCES auth_user);
  CREATE TABLE files_chunk (file_id int NOT NULL REFERENCES files_file ON DELETE CASCADE, seq int NOT NULL, data bytea NOT NULL, PRIMARY KEY (file_id, seq));
  INSERT INTO auth_user (password, username, first_name, last_name, email, is_staff, is_active, date_joined, last_login)
    SELECT 'x', 'user' || n, 'Zoë', E'O\\'Neil\\\\', 'a@b.c', false, true, '2026-01-05T09:30:00.123456Z', CASE WHEN n > 1 THEN now() END FROM generate_series(1, 5) n;
  INSERT INTO django_session VALUES ('key', 'data', now());
  INSERT INTO ai_job (model, prompt, status, prompt_tokens, completion_tokens, temperature, cost, created_at, user_id)
    SELECT 'm', 'line' || chr(10) || '"quoted"', 'done', n, n, 0.1 + n / 3.0, 0.0001 * n, now(), 1 + n % 5 FROM generate_series(1, 40) n;
  DELETE FROM ai_job WHERE id > 38;
  INSERT INTO chat_channel (name, topic, is_private, created_at, created_by_id) VALUES ('general', '', false, now(), 1);
  INSERT INTO chat_message (body, metadata, created_at, author_id, channel_id)
    SELECT 'hello', '{"z": 1.0, "a": 12345678901234567890.5, "n": null}', now(), 1, 1 FROM generate_series(1, 120) n;
  INSERT INTO files_file (name, content_type, size, sha256, created_at, owner_id) VALUES ('a', 'b', 9007199254740993, repeat('a', 64), now(), 1);
  INSERT INTO files_chunk VALUES (1, 0, '\\x00ff5c27');`;

const TENANTS = 12;
const nameOf = (id: number) => `tenant-${String(id).padStart(3, '0')}`;

beforeAll(async () => {
  legacy = await createDatabase('legacy');
  database = await createStoreDatabase();
  await asSuperuser(
    'CREATE TABLE tenants_tenant (id int PRIMARY KEY, schema_name text, name text, created_on date)',
    legacy.url,
  );
  for (let id = 1; id <= TENANTS; id += 1) await addLegacyTenant(id);
});
afterAll(async () => {
  await legacy.drop();
  await database.drop();
});

async function addLegacyTenant(id: number): Promise<void> {
  const schema = nameOf(id).replaceAll('-', '_');
  await asSuperuser(schemaDdl(schema), legacy.url);
  await asSuperuser(
    `INSERT INTO public.tenants_tenant VALUES (${id}, '${schema}', '${nameOf(id)}', now())`,
    legacy.url,
  );
}

async function readText(url: string, table: string, where: string, columns: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query({
    text: `SELECT ${columns} FROM ${table} ${where} ORDER BY 1, 2`,
    rowMode: 'array',
    types: { getTypeParser: () => String },
  });
  await client.end();
  return rows;
}

const COLUMNS: Readonly<Record<string, string>> = {
  auth_user:
    'id, username, email, first_name, last_name, password, is_staff, is_active, date_joined, last_login',
  django_session: 'session_key, session_data, expire_date',
  ai_job:
    'id, user_id, model, prompt, completion, status, prompt_tokens, completion_tokens, temperature, cost, created_at, finished_at',
  chat_channel: 'id, name, topic, is_private, created_by_id, created_at',
  chat_message: 'id, channel_id, author_id, body, metadata, created_at, edited_at',
  files_file: 'id, owner_id, name, content_type, size, sha256, created_at',
  files_chunk: 'file_id, seq, data',
};

test('every row of every tenant arrives exactly as it was, under its own ids', async () => {
  const seen: string[] = [];
  const copied = await copyTenants({
    legacyUrl: legacy.url,
    ownerUrl: database.ownerUrl,
    onProgress: ({ ended, tenants: { done, all } }) => {
      if (ended) seen.push(`${ended.tenant} ${done}/${all}`);
    },
  });
  const rows = TENANTS * (5 + 1 + 38 + 1 + 120 + 1 + 1);
  expect(copied).toEqual({ tenants: TENANTS, rows, failed: [], ended: 'whole' });
  expect(seen).toHaveLength(TENANTS);
  expect(seen.at(-1)).toMatch(/ 12\/12$/);
  for (const id of [1, 7, TENANTS]) {
    for (const [table, columns] of Object.entries(COLUMNS)) {
      const before = await readText(legacy.url, `${nameOf(id).replaceAll('-', '_')}.${table}`, '', columns);
      const after = await readText(database.superUrl, table, `WHERE tenant_id = ${id}`, columns);
      expect(after).toEqual(before);
    }
  }
});

test("ids go on where legacy's sequence stood, not where its rows end", async () => {
  const store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  const ids = await store.within(nameOf(3) as TenantName, async (tx) => {
    const job = await tx.nextId('ai_job');
    await tx.aiJob.create({ data: newJob(tx, job) });
    return [job, await tx.nextId('chat_message'), await tx.nextId('auth_user')];
  });
  await store.close();
  expect(ids).toEqual([41, 121, 6]);
});

test('tenants that are there already are left as they are, and new ones are added', async () => {
  await addLegacyTenant(TENANTS + 1);
  const copied = await copyTenants({ legacyUrl: legacy.url, ownerUrl: database.ownerUrl });
  expect(copied.tenants).toBe(1);
  expect(
    await readText(database.superUrl, 'ai_job', 'WHERE tenant_id = 3 AND id = 41', 'id, status'),
  ).toEqual([['41', 'running']]);
});

test('a tenant that fails is left out whole and named with what is wrong, and keeps nobody else', async () => {
  for (const id of [50, 51, 52]) await addLegacyTenant(id);
  const schema = nameOf(50).replaceAll('-', '_');
  await asSuperuser(`ALTER TABLE ${schema}.chat_message DROP COLUMN body`, legacy.url);
  await asSuperuser(`UPDATE public.tenants_tenant SET name = 'No Host' WHERE id = 51`, legacy.url);
  const copied = await copyTenants({ legacyUrl: legacy.url, ownerUrl: database.ownerUrl });
  expect(copied).toEqual({
    tenants: 1,
    rows: expect.any(Number),
    failed: [
      { tenant: 'No Host', detail: expect.stringContaining('No host can have this name') },
      { tenant: nameOf(50), detail: expect.stringContaining('body') },
    ],
    ended: 'whole',
  });
  expect(await readText(database.superUrl, 'tenant', 'WHERE id IN (50, 51)', 'id, name')).toEqual([]);
  expect(await readText(database.superUrl, 'auth_user', 'WHERE tenant_id = 50', 'id, username')).toEqual([]);
});
