import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { openStore, StoreRefusal } from '../../src/store/index.ts';
import { asSuperuser, createDatabase, superuserUrl } from '../support/database.ts';
import { createStoreDatabase, type StoreDatabase } from '../support/store.ts';

let database: StoreDatabase;
beforeAll(async () => {
  database = await createStoreDatabase();
});
afterAll(() => database.drop());

const open = (url: string) => openStore({ url, emit: () => undefined, onUnscoped: 'refuse' });

async function findingsOf(url: string): Promise<readonly string[]> {
  const outcome = await open(url).catch((error: unknown) => error);
  if (outcome instanceof StoreRefusal) return outcome.findings;
  if (outcome instanceof Error) throw outcome;
  await (outcome as Awaited<ReturnType<typeof open>>).close();
  return [];
}

function change(
  url: string,
  part: Partial<Pick<URL, 'username' | 'password' | 'pathname' | 'port'>>,
): string {
  return Object.assign(new URL(url), part).href;
}

test('a store as the migrations make it is opened', async () => {
  expect(await findingsOf(database.appUrl)).toEqual([]);
});

/** One thing spoilt, as an administrator in a hurry might; what start-up says of it; and how it is put right again. */
const SPOILT: readonly [string, string, RegExp, string][] = [
  [
    'row-level security switched off on a table',
    'ALTER TABLE ai_job DISABLE ROW LEVEL SECURITY',
    /^Row-level security is not enabled and forced on public\.ai_job\. /,
    'ALTER TABLE ai_job ENABLE ROW LEVEL SECURITY',
  ],
  [
    'row-level security not forced on one partition',
    'ALTER TABLE ai_job_h03 NO FORCE ROW LEVEL SECURITY',
    /^Row-level security is not enabled and forced on public\.ai_job_h03\. /,
    'ALTER TABLE ai_job_h03 FORCE ROW LEVEL SECURITY',
  ],
  [
    'a policy dropped',
    'DROP POLICY own_tenant ON chat_message_h15',
    /^The policy that keeps tenants apart is missing or changed on public\.chat_message_h15\. /,
    "SELECT banyan.fence('chat_message_h15')",
  ],
  [
    'a policy weakened',
    'ALTER POLICY own_tenant ON auth_user USING (true)',
    /^The policy that keeps tenants apart is missing or changed on public\.auth_user\. /,
    "ALTER POLICY own_tenant ON auth_user USING (tenant_id = NULLIF(current_setting('banyan.tenant_id', true), '')::int)",
  ],
  [
    'a second, wider policy',
    'CREATE POLICY support ON files_file FOR SELECT USING (true)',
    /^A second policy lets more rows through on public\.files_file\. /,
    'DROP POLICY support ON files_file',
  ],
  [
    'a grant on a partition',
    'GRANT SELECT ON ai_job_h00 TO banyan_app',
    /^Rights are granted on the partitions public\.ai_job_h00; /,
    'REVOKE ALL ON ai_job_h00 FROM banyan_app',
  ],
  [
    'a grant on the shared part to everybody',
    'GRANT SELECT ON ai_job_shared TO PUBLIC',
    /^Rights are granted on the partitions public\.ai_job_shared; /,
    'REVOKE ALL ON ai_job_shared FROM PUBLIC',
  ],
  [
    'a grant on one column of a partition',
    'GRANT SELECT (prompt) ON ai_job_h00 TO banyan_app',
    /^Rights are granted on the partitions public\.ai_job_h00; /,
    'REVOKE ALL (prompt) ON ai_job_h00 FROM banyan_app',
  ],
  [
    'a new table with tenant_id and nothing else',
    'CREATE TABLE banyan.note (id int PRIMARY KEY, tenant_id int NOT NULL)',
    /^The primary key does not begin with tenant_id on banyan\.note\. /,
    'DROP TABLE banyan.note',
  ],
  [
    'a view with its owner rights',
    'CREATE VIEW busy AS SELECT model, count(*) FROM ai_job GROUP BY model',
    /^The view public\.busy reads tenant tables with its owner's rights\. /,
    'DROP VIEW busy',
  ],
  [
    'a table whose rows nobody watches',
    'DROP TRIGGER row_standing ON ai_job',
    /^Nobody watches the rows of public\.ai_job\. SELECT banyan\.watch_rows/,
    "SELECT banyan.watch_rows('ai_job')",
  ],
  [
    'a table whose watch is switched off',
    'ALTER TABLE ai_job DISABLE TRIGGER row_journal',
    /^Nobody watches the rows of public\.ai_job/,
    'ALTER TABLE ai_job ENABLE TRIGGER row_journal',
  ],
  [
    'a materialised view',
    'CREATE MATERIALIZED VIEW totals AS SELECT model, count(*) FROM ai_job GROUP BY model',
    /^The materialised view public\.totals holds tenants' rows/,
    'DROP MATERIALIZED VIEW totals',
  ],
  [
    'a function with its owner rights',
    'CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM ai_job $$',
    /^The function peek\(\) runs with its owner's rights/,
    'DROP FUNCTION peek()',
  ],
  [
    "the ledger's own door without its fixed search path",
    'ALTER FUNCTION banyan.keep_shadow_days(integer) RESET search_path',
    /^The function banyan\.keep_shadow_days\(integer\) runs with its owner's rights/,
    'ALTER FUNCTION banyan.keep_shadow_days(integer) SET search_path = pg_catalog, pg_temp',
  ],
  [
    'a migration missing',
    `UPDATE _prisma_migrations SET migration_name = 'other' WHERE migration_name = '20260105090000_tenant_tables'`,
    /has not been applied\. Run "banyan migrate"/,
    `UPDATE _prisma_migrations SET migration_name = '20260105090000_tenant_tables' WHERE migration_name = 'other'`,
  ],
  [
    'a migration that failed half-way',
    'UPDATE _prisma_migrations SET finished_at = NULL',
    /failed half-way\. /,
    'UPDATE _prisma_migrations SET finished_at = now()',
  ],
  [
    'a migration edited afterwards',
    'UPDATE _prisma_migrations SET checksum = reverse(checksum)',
    /was changed after it was applied\. /,
    'UPDATE _prisma_migrations SET checksum = reverse(checksum)',
  ],
  [
    'the app role made owner of a table',
    'ALTER TABLE banyan.flip OWNER TO banyan_app',
    /^The role banyan_app owns tables of the store/,
    'ALTER TABLE banyan.flip OWNER TO banyan_owner',
  ],
  [
    'no statement timeout',
    'ALTER ROLE banyan_app IN DATABASE current SET statement_timeout = 0',
    /^The role banyan_app has no statement_timeout/,
    'ALTER ROLE banyan_app IN DATABASE current RESET statement_timeout',
  ],
];

test.each(SPOILT)(
  'row-096-strong-role, row-097-partitions, row-098-other-doors: start-up refuses: %s',
  async (_, spoil, finding, mend) => {
    const here = (sql: string) =>
      asSuperuser(sql.replace('DATABASE current', `DATABASE ${database.name}`), database.superUrl);
    await here(spoil);
    try {
      expect(await findingsOf(database.appUrl)).toContainEqual(expect.stringMatching(finding));
    } finally {
      await here(mend);
    }
    expect(await findingsOf(database.appUrl)).toEqual([]);
  },
);

test('a view with the caller’s rights is no fault', async () => {
  await asSuperuser(
    'CREATE VIEW fine WITH (security_invoker = true) AS SELECT * FROM ai_job',
    database.ownerUrl,
  );
  expect(await findingsOf(database.appUrl)).toEqual([]);
  await asSuperuser('DROP VIEW fine', database.ownerUrl);
});

test('all findings are listed together, each with its remedy', async () => {
  await asSuperuser(
    'ALTER TABLE ai_job DISABLE ROW LEVEL SECURITY; GRANT SELECT ON ai_job_h01 TO banyan_app',
    database.superUrl,
  );
  const refused = await open(database.appUrl).catch((error: Error) => error.message);
  await asSuperuser(
    'ALTER TABLE ai_job ENABLE ROW LEVEL SECURITY; REVOKE ALL ON ai_job_h01 FROM banyan_app',
    database.superUrl,
  );
  expect(refused).toBe(
    [
      'The new store cannot be used:',
      "- Row-level security is not enabled and forced on public.ai_job. SELECT banyan.fence('…') on it.",
      '- Rights are granted on the partitions public.ai_job_h01; reading a partition passes by its parent. REVOKE them.',
    ].join('\n'),
  );
});

test('the superuser and the owner are refused by name', async () => {
  expect(await findingsOf(database.superUrl)).toContainEqual(
    expect.stringMatching(/^The role postgres is a superuser/),
  );
  expect(await findingsOf(database.ownerUrl)).toContainEqual(
    expect.stringMatching(/^The role banyan_owner owns tables/),
  );
});

test.each([
  ['BYPASSRLS', 'BYPASSRLS', '', /has BYPASSRLS/],
  [
    'membership in the owner',
    '',
    'IN ROLE banyan_owner',
    /is a member of banyan_owner and could act as the owner/,
  ],
])('a role with %s is refused', async (_, attribute, membership, finding) => {
  const role = `odd_${process.pid}_${attribute.length}`;
  await asSuperuser(`CREATE ROLE ${role} LOGIN PASSWORD 'odd' ${attribute} ${membership}`);
  try {
    await asSuperuser(`GRANT CONNECT ON DATABASE ${database.name} TO ${role}`);
    const findings = await findingsOf(change(database.appUrl, { username: role, password: 'odd' }));
    expect(findings).toContainEqual(expect.stringMatching(finding));
  } finally {
    await asSuperuser(`REVOKE CONNECT ON DATABASE ${database.name} FROM ${role}; DROP ROLE ${role}`);
  }
});

test.each([
  [
    'nobody listens',
    () => change(database.appUrl, { port: '1' }),
    /cannot be reached \(ECONNREFUSED\)\. Start PostgreSQL or correct DATABASE_URL\.$/,
  ],
  [
    'the password is wrong',
    () => change(database.appUrl, { password: 'guess' }),
    /does not let this role in\. Check user and password in DATABASE_URL\.$/,
  ],
  [
    'the database is absent',
    () => change(database.appUrl, { pathname: '/absent' }),
    /does not exist\. Create it/,
  ],
  ['the address is no URL', () => 'nonsense', /cannot be reached/],
])('one clear sentence when %s', async (_, address, sentence) => {
  const [finding, ...more] = await findingsOf(address());
  expect(more).toEqual([]);
  expect(finding).toMatch(sentence);
  expect(finding).not.toMatch(/guess|app-in-tests|at .*\.ts/);
});

test('an empty database is refused with the command that fills it', async () => {
  const empty = await createDatabase('empty');
  const url = change(database.appUrl, { pathname: `/${empty.name}` });
  expect(await findingsOf(url)).toEqual([
    'The new store has no tables yet. Run "banyan migrate" as banyan_owner.',
  ]);
  await empty.drop();
});

test('a refused store leaves no connection behind', async () => {
  await findingsOf(change(superuserUrl(), { pathname: `/${database.name}` }));
  const client = new pg.Client({ connectionString: superuserUrl() });
  await client.connect();
  const { rows } = await client.query('SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1', [
    database.name,
  ]);
  await client.end();
  expect(rows).toEqual([{ n: 0 }]);
});
