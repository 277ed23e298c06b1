import { chmodSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/operate/demo/embedded-postgres.ts';

/** One real PostgreSQL for the whole run; each test file makes databases of its own on it (see `database.ts`). */
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
  process.env['BANYAN_TEST_PG'] = server.url('postgres');
  Object.assign(globalThis, { __banyanPostgres: { server, folder } });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
