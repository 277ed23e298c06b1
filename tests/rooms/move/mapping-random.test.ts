import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { readDrift, verifyTenant } from '../../../src/move/index.ts';
import { type MappingRules, makeMapping, type TenantId } from '../../../src/vocabulary/index.ts';
import { TENANT_TABLES } from '../../support/follow.ts';
import { makeViews, type ReturningHouse, startReturningHouse } from '../../support/return.ts';
import { randomWrites } from './random-writes.ts';

const COLUMNS: Readonly<Record<(typeof TENANT_TABLES)[number], string>> = {
  auth_user: 'id password last_login username first_name last_name email is_staff is_active date_joined',
  django_session: 'session_key session_data expire_date',
  ai_job:
    'id model prompt completion status prompt_tokens completion_tokens temperature cost created_at finished_at user_id',
  chat_channel: 'id name topic is_private created_at created_by_id',
  chat_message: 'id body metadata created_at edited_at author_id channel_id',
  files_file: 'id name content_type size sha256 created_at owner_id',
  files_chunk: 'file_id seq data',
};

/** Each name is the next one's on legacy, and the last one's the first: nothing has its own, and every name is another's. */
const shift = (names: readonly string[]) =>
  names.map((name, nr) => [name, names[(nr + 1) % names.length] ?? name] as const);
const tables = shift(TENANT_TABLES);
const columnsOf = (table: string) => shift(COLUMNS[table as keyof typeof COLUMNS].split(' '));
const RULES: MappingRules = Object.fromEntries(
  tables.map(([table, from]) => [table, { from, columns: Object.fromEntries(columnsOf(table)) }]),
);

/** By way of a third name, and with views by the old names, so that the same random writes fit. */
const arrange = [
  'CREATE SCHEMA acme_like',
  ...tables.flatMap(([table]) => [
    ...columnsOf(table).map(([column]) => `ALTER TABLE acme.${table} RENAME ${column} TO spare_${column}`),
    ...columnsOf(table).map(([column, to]) => `ALTER TABLE acme.${table} RENAME spare_${column} TO ${to}`),
    `ALTER TABLE acme.${table} RENAME TO spare_${table}`,
  ]),
  ...tables.flatMap(([table, to]) => [
    `ALTER TABLE acme.spare_${table} RENAME TO ${to}`,
    `CREATE VIEW acme_like.${table} AS SELECT ${columnsOf(table)
      .map(([column, legacy]) => `${legacy} AS ${column}`)
      .join(', ')} FROM acme.${to}`,
  ]),
].join(';\n');

const mapping = makeMapping(RULES);
let house: ReturningHouse;
let pool: pg.Pool;
beforeAll(async () => {
  house = await startReturningHouse({ tenants: 1, mapping, arrange });
  pool = new pg.Pool({ connectionString: house.legacyUrl, max: 2 });
  pool.on('error', () => undefined);
});
afterAll(async () => {
  await pool?.end();
  await house?.close();
});

async function expectEqual(): Promise<void> {
  const proof = await verifyTenant({
    legacy: pool,
    schema: 'acme',
    mapping,
    proof: house.store.proof,
    tenant: 1 as TenantId,
    tables: TENANT_TABLES,
    signal: AbortSignal.timeout(30_000),
  });
  expect(proof).toMatchObject({ kind: 'equal', apart: [] });
  expect(proof.rows).toBeGreaterThan(100);
}

const TRANSACTIONS = 100;

test('the plan sees no difference where only names differ', async () => {
  const features = { all: TENANT_TABLES };
  const wish = { legacyUrl: house.legacyUrl, storeUrl: house.database.appUrl, features, mapping };
  const report = await readDrift({ ...wish, measureMs: 30_000 });
  expect(report.findings.filter(({ kind }) => kind !== 'schema_stray')).toEqual([]);
  expect(report).toMatchObject({ tables: 7, measured: { tenants: 1, left: [] } });
});

test('legacy’s random writes follow though every name is another’s there', async () => {
  await expectEqual();
  const write = randomWrites(7, 'acme_like');
  let done = 0;
  for (let nr = 0; nr < TRANSACTIONS; nr += 1) {
    const sql = `BEGIN; SET CONSTRAINTS ALL DEFERRED; ${write().join('; ')}; COMMIT`;
    await house.legacy.query(sql).then(
      () => {
        done += 1;
      },
      () => house.legacy.query('ROLLBACK'),
    );
  }
  expect(done).toBeGreaterThan(TRANSACTIONS / 2);
  await house.catchUp();
  await expectEqual();
  expect((await house.superuser.query('SELECT FROM banyan.row_standing')).rowCount).toBe(0);
});

test('the new side’s random writes come back though every name is another’s there', async () => {
  await house.giveTo('new', 1);
  await makeViews(house);
  const write = randomWrites(8, 'acme_like');
  let done = 0;
  for (let nr = 0; nr < TRANSACTIONS; nr += 1) {
    const statements = write().map((sql) =>
      sql.replace('ON CONFLICT (session_key)', 'ON CONFLICT (tenant_id, session_key)'),
    );
    await house.write(1, ...statements).then(
      () => {
        done += 1;
      },
      () => undefined,
    );
  }
  expect(done).toBeGreaterThan(TRANSACTIONS / 2);
  await house.drain(1);
  await house.catchUp();
  await expectEqual();
  expect((await house.superuser.query('SELECT FROM banyan.stranger')).rowCount).toBe(0);
});
