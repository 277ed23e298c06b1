import pg from 'pg';
import { LegacyRefusal } from '../refusal.ts';
import { asConnection, type Connection, connect, inTransaction } from './connection.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';
import { hasRegistry, listTenants, type Tenant } from './registry.ts';

export type MigrateStep = Readonly<{
  schema: string;
  position: number;
  of: number;
  applied: readonly string[];
  ms: number;
}>;
export type MigrateWish = Readonly<{
  migrations?: readonly Migration[];
  onProgress?: (step: MigrateStep) => void;
}>;

// Any fixed number: two `migrate` at once would trip over each other.
const LOCK = 7_340_001;

/**
 * Brings every tenant's schema up to date, one after the other, each in a transaction of its own, as django-tenants'
 * `migrate_schemas` does. Stops at the first that fails, by a LegacyRefusal that names the schema and the reason; what was done
 * stays done, and the next run goes on there.
 */
export async function migrate(url: string, wish: MigrateWish = {}): Promise<readonly MigrateStep[]> {
  const client = await connect(url);
  try {
    const db = asConnection(client);
    await takeLock(db);
    if (!(await hasRegistry(db)))
      throw new LegacyRefusal('There is no tenant registry yet: run `npm run legacy -- seed` first.');
    const tenants = await listTenants(db);
    const steps: MigrateStep[] = [];
    for (const [index, tenant] of tenants.entries()) {
      const step = await migrateTenant(db, tenant, wish.migrations ?? MIGRATIONS);
      steps.push({ ...step, position: index + 1, of: tenants.length });
      wish.onProgress?.(steps.at(-1) as MigrateStep);
    }
    return steps;
  } finally {
    await client.end();
  }
}

async function takeLock(db: Connection): Promise<void> {
  const [lock] = await db.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [LOCK]);
  if (!lock?.taken)
    throw new LegacyRefusal('Another `migrate` is running on this database: wait for it to end.');
}

async function migrateTenant(db: Connection, tenant: Tenant, migrations: readonly Migration[]) {
  const started = performance.now();
  const applied: string[] = [];
  let current = 'django_migrations';
  try {
    await inTransaction(db, async () => {
      await db.query(`SET LOCAL search_path TO ${pg.escapeIdentifier(tenant.schema)}`);
      for (const migration of await listPending(db, migrations)) {
        current = `${migration.app}.${migration.name}`;
        await db.query(migration.sql);
        await recordMigration(db, migration);
        applied.push(current);
      }
    });
  } catch (error) {
    throw new LegacyRefusal(
      `Migration ${current} failed in schema ${tenant.schema}: ${(error as Error).message}. ` +
        'Its changes were undone, later schemas were not touched: mend the schema and run `migrate` again.',
    );
  }
  return { schema: tenant.schema, applied, ms: performance.now() - started };
}

async function listPending(db: Connection, migrations: readonly Migration[]): Promise<Migration[]> {
  const rows = await db.query<{ app: string; name: string }>('SELECT app, name FROM django_migrations');
  const done = new Set(rows.map((row) => `${row.app}.${row.name}`));
  return migrations.filter((migration) => !done.has(`${migration.app}.${migration.name}`));
}

async function recordMigration(db: Connection, { app, name }: Migration): Promise<void> {
  await db.query('INSERT INTO django_migrations (app, name, applied) VALUES ($1, $2, now())', [app, name]);
}
