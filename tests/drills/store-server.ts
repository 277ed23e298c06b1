import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/operate/demo/embedded-postgres.ts';
import { migrateStore, prepareDatabase } from '../../src/store/index.ts';
import { freePort } from '../support/free-port.ts';
import { listChildren } from './cores.ts';

/** A PostgreSQL that has nothing but the new store, and can be taken down. */
export type StoreServer = Readonly<{
  ownerUrl: string;
  appUrl: string;
  superUrl: string;
  /** As a crash: nothing is flushed, nobody is waited for. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Stands still: takes connections, as the kernel does that for it, and says nothing. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}>;

const DATABASE = 'store';
const PASSWORDS = { ownerPassword: 'owner-in-drills', appPassword: 'app-in-drills' } as const;

export async function openStoreServer(dataDir: string): Promise<StoreServer> {
  const port = await freePort();
  // With fsync: after a crash everything that was acknowledged must be there.
  const start = () => startEmbeddedPostgres({ dataDir, port });
  let server: EmbeddedPostgres = await start();
  const urls = await prepareDatabase(server.url('postgres'), { database: DATABASE, ...PASSWORDS });
  await migrateStore(urls.ownerUrl);
  const readPid = () => Number(readFileSync(join(dataDir, 'postmaster.pid'), 'latin1').split('\n', 1)[0]);
  const signal = (name: NodeJS.Signals) => {
    const postmaster = readPid();
    for (const pid of [postmaster, ...listChildren(postmaster)]) process.kill(pid, name);
  };
  return {
    ...urls,
    superUrl: server.url(DATABASE),
    async crash() {
      process.kill(readPid(), 'SIGQUIT');
      // Its keeper goes, too.
      await server.stop();
    },
    async start() {
      server = await start();
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    stop: () => server.stop(),
  };
}
