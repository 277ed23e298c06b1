import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type MigrationFile = Readonly<{
  /** The folder's name, which is the migration's name in `_prisma_migrations`. */
  name: string;
  sql: string;
  /** SHA-256 of the file, hex, as Prisma records it. */
  checksum: string;
}>;

/** `prisma/migrations`, found upwards from here so that it is the same place from `src/` and from a build. */
export function findMigrationsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'prisma', 'migrations'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('The folder prisma/migrations is missing from this installation.');
    folder = parent;
  }
  return join(folder, 'prisma', 'migrations');
}

/** In the order in which they are applied. */
export function readMigrationFiles(folder: string = findMigrationsFolder()): readonly MigrationFile[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const sql = readFileSync(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}
