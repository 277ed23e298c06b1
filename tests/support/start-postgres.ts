import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/operate/demo/embedded-postgres.ts';
import { freePort } from './free-port.ts';

/**
 * One real PostgreSQL for the whole run; each test file makes databases of its own on it (see `database.ts`). And one temporary folder,
 * which every test process takes for the machine's own, so that nothing is left and nobody meets another user's files.
 */
export default async function startPostgres(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-test-'));
  chmodSync(folder, 0o755);
  const server = await startEmbeddedPostgres({
    dataDir: join(folder, 'pg'),
    port: await freePort(),
    flags: [
      '-c',
      'fsync=off',
      '-c',
      'max_connections=300',
      '-c',
      'wal_level=logical',
      '-c',
      'max_locks_per_transaction=1024',
    ],
  });
  process.env.TMPDIR = folder;
  process.env.BANYAN_TEST_PG = server.url('postgres');
  Object.assign(globalThis, { __banyanPostgres: { server, folder } });
}
