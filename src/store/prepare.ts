import pg from 'pg';

export const OWNER_ROLE = 'banyan_owner';
export const APP_ROLE = 'banyan_app';

const PREPARE_LOCK = 2_114_251_115;

export type PreparedDatabase = Readonly<{ ownerUrl: string; appUrl: string }>;

/**
 * The settings every connection of the app role begins with. They bound what Prisma cannot stop (prisma/orm#17245), and
 * `force_custom_plan` keeps foreign-key checks from locking every partition by a generic plan.
 */
export const APP_ROLE_SETTINGS = {
  statement_timeout: '15s',
  idle_in_transaction_session_timeout: '20s',
  lock_timeout: '10s',
  plan_cache_mode: 'force_custom_plan',
  TimeZone: 'UTC',
} as const;

/**
 * Makes the two roles and the database, as a superuser; for the demo and the tests. In production an administrator runs the same
 * SQL once (docs/store.md). Safe to repeat, and safe when several run at once: roles belong to the whole server.
 */
export async function prepareDatabase(
  superuserUrl: string,
  wish: { readonly database: string; readonly ownerPassword: string; readonly appPassword: string },
): Promise<PreparedDatabase> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [PREPARE_LOCK]);
    await prepareRoles(client, wish);
    await prepareOneDatabase(client, wish.database);
  } finally {
    await client.end();
  }
  return {
    ownerUrl: addressFor(superuserUrl, OWNER_ROLE, wish.ownerPassword, wish.database),
    appUrl: addressFor(superuserUrl, APP_ROLE, wish.appPassword, wish.database),
  };
}

async function prepareRoles(
  client: pg.Client,
  passwords: { ownerPassword: string; appPassword: string },
): Promise<void> {
  const attributes = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION';
  for (const [role, password] of [
    [OWNER_ROLE, passwords.ownerPassword],
    [APP_ROLE, passwords.appPassword],
  ] as const) {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
    if (rowCount === 0) await client.query(`CREATE ROLE ${role}`);
    await client.query(`ALTER ROLE ${role} ${attributes} PASSWORD ${pg.escapeLiteral(password)}`);
  }
  for (const [setting, value] of Object.entries(APP_ROLE_SETTINGS)) {
    await client.query(`ALTER ROLE ${APP_ROLE} SET ${setting} = ${pg.escapeLiteral(value)}`);
  }
}

async function prepareOneDatabase(client: pg.Client, database: string): Promise<void> {
  const name = pg.escapeIdentifier(database);
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${name} OWNER ${OWNER_ROLE}`);
  await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  await client.query(`GRANT CONNECT ON DATABASE ${name} TO ${APP_ROLE}`);
}

function addressFor(superuserUrl: string, role: string, password: string, database: string): string {
  const url = new URL(superuserUrl);
  url.username = role;
  url.password = encodeURIComponent(password);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}
