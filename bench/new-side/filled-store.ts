// A PostgreSQL with its own settings, in which the same tenants are twice: as legacy keeps them, a schema each, and in the new store.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seed } from '../../legacy-stub/index.ts';
import { startEmbeddedPostgres } from '../../src/operate/demo/embedded-postgres.ts';
import { copyTenants, migrateStore, type PreparedDatabase, prepareDatabase } from '../../src/store/index.ts';
import { freePort } from '../../tests/support/free-port.ts';

export type FilledStore = PreparedDatabase &
  Readonly<{
    folder: string;
    /** PostgreSQL's first process, the parent of all others. */
    pid: number;
    legacyUrl: string;
    /** The new store's database as the superuser: to look at what roles may not see. */
    superUrl: string;
    close(): Promise<void>;
  }>;

const PASSWORDS = { ownerPassword: 'owner-in-the-bench', appPassword: 'app-in-the-bench' } as const;

/** `tenants` of the demo, about 200 rows each, the same on both sides. */
export async function openFilledStore(tenants: number): Promise<FilledStore> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  // PostgreSQL runs as a user of its own.
  chmodSync(folder, 0o755);
  const dataDir = join(folder, 'pg');
  const server = await startEmbeddedPostgres({
    dataDir,
    port: await freePort(),
    databases: ['legacy'],
  });
  const close = async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const legacyUrl = server.url('legacy');
    await seed(legacyUrl, { tenants });
    const urls = await prepareDatabase(server.url('postgres'), { database: 'store', ...PASSWORDS });
    await migrateStore(urls.ownerUrl);
    await copyTenants({ legacyUrl, ownerUrl: urls.ownerUrl });
    const pid = Number(readFileSync(join(dataDir, 'postmaster.pid'), 'latin1').split('\n', 1)[0]);
    return { ...urls, folder, pid, legacyUrl, superUrl: server.url('store'), close };
  } catch (error) {
    await close();
    throw error;
  }
}
