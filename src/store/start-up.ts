import pg from 'pg';
import { StoreRefusal } from './errors.ts';
import { findFenceFaults } from './fence-check.ts';
import { type MigrationFile, readMigrationFiles } from './migration-files.ts';
import { OWNER_ROLE } from './prepare.ts';
import { describeUnreachable } from './unreachable.ts';

// Nobody waits for an answer yet.
const CONNECT_TIMEOUT_MS = 10_000;

type Applied = { migration_name: string; checksum: string; finished: boolean };

/** All that must be true before the first request: see docs/store.md, "What start-up checks". Throws StoreRefusal; answers the role's statement_timeout, in ms. */
export async function checkStore(url: string): Promise<number> {
  const connection = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'banyan',
  });
  connection.on('error', () => undefined);
  await connection.connect().catch((error: unknown) => {
    throw new StoreRefusal([describeUnreachable(error, url, 'DATABASE_URL')]);
  });
  try {
    const findings = [
      ...(await findRoleFaults(connection)),
      ...(await findMigrationFaults(connection)),
      ...(await findFenceFaults(connection)),
    ];
    if (findings.length > 0) throw new StoreRefusal(findings);
    return await readStatementTimeout(connection);
  } finally {
    await connection.end();
  }
}

async function readStatementTimeout(connection: pg.Client): Promise<number> {
  const { rows } = await connection.query<{ ms: number }>(
    "SELECT setting::int AS ms FROM pg_settings WHERE name = 'statement_timeout'",
  );
  return rows[0]?.ms ?? 0;
}

async function findRoleFaults(connection: pg.Client): Promise<readonly string[]> {
  const { rows } = await connection.query<{
    role: string;
    superuser: boolean;
    bypasses: boolean;
    owns: string | null;
    member: string | null;
    unbounded: boolean;
  }>(`
    SELECT r.rolname AS role, r.rolsuper AS superuser, r.rolbypassrls AS bypasses,
      (SELECT string_agg(DISTINCT c.relname, ', ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relowner = r.oid AND n.nspname IN ('public', 'banyan')) AS owns,
      (SELECT string_agg(DISTINCT o.rolname, ', ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_roles o ON o.oid = c.relowner
        WHERE n.nspname IN ('public', 'banyan') AND o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER')) AS member,
      current_setting('statement_timeout') = '0' OR current_setting('idle_in_transaction_session_timeout') = '0' AS unbounded
    FROM pg_roles r WHERE r.rolname = current_user`);
  const [row] = rows;
  if (!row) return ['The role of DATABASE_URL does not exist any more. Make it again (docs/store.md).'];
  const remedy = 'Give DATABASE_URL the role banyan_app.';
  if (row.superuser) return [`The role ${row.role} is a superuser, whom no policy stops. ${remedy}`];
  return [
    ...(row.bypasses ? [`The role ${row.role} has BYPASSRLS, so no policy stops it. ${remedy}`] : []),
    ...(row.owns
      ? [`The role ${row.role} owns tables of the store and could change their policies. ${remedy}`]
      : []),
    ...(row.member
      ? [
          `The role ${row.role} is a member of ${row.member} and could act as the owner. REVOKE ${row.member} FROM ${row.role}.`,
        ]
      : []),
    ...(row.unbounded
      ? [
          `The role ${row.role} has no statement_timeout or no idle_in_transaction_session_timeout. ALTER ROLE … SET both (docs/store.md).`,
        ]
      : []),
  ];
}

async function findMigrationFaults(connection: pg.Client): Promise<readonly string[]> {
  const remedy = `Run "banyan migrate" as ${OWNER_ROLE}.`;
  const { rows: found } = await connection.query<{ readable: boolean | null }>(
    `SELECT has_table_privilege(to_regclass('public._prisma_migrations'), 'SELECT') AS readable`,
  );
  if (found[0]?.readable == null) return [`The new store has no tables yet. ${remedy}`];
  if (!found[0].readable)
    return ['This role may not read _prisma_migrations. GRANT SELECT on it (docs/store.md).'];
  const { rows: applied } = await connection.query<Applied>(
    'SELECT migration_name, checksum, finished_at IS NOT NULL AS finished FROM public._prisma_migrations WHERE rolled_back_at IS NULL',
  );
  return readMigrationFiles().flatMap((file) => judgeMigration(file, applied, remedy));
}

function judgeMigration(file: MigrationFile, applied: readonly Applied[], remedy: string): readonly string[] {
  const tries = applied.filter((row) => row.migration_name === file.name);
  const done = tries.find((row) => row.finished);
  if (!done && tries.length > 0)
    return [`The migration ${file.name} failed half-way. Mend it and run "prisma migrate resolve".`];
  if (!done) return [`The migration ${file.name} has not been applied. ${remedy}`];
  if (done.checksum !== file.checksum)
    return [`The migration ${file.name} was changed after it was applied. Put the file back.`];
  return [];
}
