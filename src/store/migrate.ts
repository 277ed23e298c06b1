import pg from 'pg';
import { messageOf } from './database-errors.ts';
import { StoreRefusal } from './errors.ts';
import { findMigrationsFolder, readMigrationFiles } from './migration-files.ts';
import { withSchemaEngine } from './schema-engine.ts';
import { describeUnreachable } from './unreachable.ts';

// Any number that nobody else locks: "banyan" in letters' places.
const MIGRATION_LOCK = 2_114_251_114;

/**
 * Applies what is missing of `prisma/migrations` through Prisma's own engine, so that `prisma migrate status` agrees elsewhere.
 * Answers the names applied now; none when all were there. Two at once wait for one another. Throws StoreRefusal.
 */
export async function migrateStore(ownerUrl: string): Promise<readonly string[]> {
  const guard = new pg.Client({ connectionString: ownerUrl, application_name: 'banyan migrate' });
  await guard.connect().catch((error: unknown) => {
    throw new StoreRefusal([describeUnreachable(error, ownerUrl, 'DATABASE_OWNER_URL')]);
  });
  try {
    await guard.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await applyMigrations(ownerUrl);
  } catch (error) {
    throw new StoreRefusal([describeFailure(error)]);
  } finally {
    await guard.end();
  }
}

async function applyMigrations(ownerUrl: string): Promise<readonly string[]> {
  const { appliedMigrationNames } = await withSchemaEngine(ownerUrl, (engine) =>
    engine.applyMigrations({
      migrationsList: listMigrations(findMigrationsFolder()),
      filters: { externalTables: [], externalEnums: [] },
    }),
  );
  return appliedMigrationNames;
}

// The engine tells the migration and the database's own words between framing of its own, and then where in its code it was.
function describeFailure(error: unknown): string {
  const message = messageOf(error).replaceAll(/\s+/g, ' ');
  const name = /with migration_name="([^"]+)"/.exec(message)?.[1];
  const reason = String(message.split(' 0: ')[0]).replaceAll(
    / ?with migration_name="[^"]*"|external connector error |Error querying the database: /gi,
    '',
  );
  const subject = name ? `The migration ${name}` : 'The migrations';
  return `${subject} could not be applied: ${reason.replace(/^Error /, '').trim()}`;
}

function listMigrations(baseDir: string) {
  return {
    baseDir,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: readMigrationFiles(baseDir).map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
    })),
  };
}
