import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type EmbeddedPostgres = Readonly<{
  port: number;
  /** The connection address of one database, as the superuser `postgres`. */
  url(database: string): string;
  stop(): Promise<void>;
}>;

export type EmbeddedPostgresWish = Readonly<{
  dataDir: string;
  port: number;
  /** Server flags, for example `['-c', 'wal_level=logical']`. */
  flags?: readonly string[];
  /** Databases that must be there; missing ones are created, empty. */
  databases?: readonly string[];
}>;

export type KeeperMessage = { kind: 'ready' } | { kind: 'failed'; reason: string };

const KEEPER = fileURLToPath(
  new URL(`./postgres-keeper.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);
const PASSWORD = 'postgres';

/**
 * Starts a real PostgreSQL 18 on 127.0.0.1 and initialises its data folder on first use.
 * A keeper process of its own session holds the server: Ctrl-C reaches us first, so that requests drain before the database
 * goes, and when this process dies in any way the keeper sees its channel close and stops the server.
 */
export async function startEmbeddedPostgres(wish: EmbeddedPostgresWish): Promise<EmbeddedPostgres> {
  const { dataDir, port, flags = [], databases = [] } = wish;
  const keeper = fork(KEEPER, [JSON.stringify({ dataDir, port, flags, databases, password: PASSWORD })], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const gone = new Promise<void>((resolve) => keeper.once('exit', () => resolve()));
  const first = await new Promise<KeeperMessage>((resolve) => {
    keeper.once('message', (message) => resolve(message as KeeperMessage));
    keeper.once('exit', (code) => resolve({ kind: 'failed', reason: `its keeper ended with code ${code}` }));
  });
  if (first.kind === 'failed') throw new Error(`Embedded PostgreSQL did not start: ${first.reason}`);
  keeper.channel?.unref();
  keeper.unref();
  return {
    port,
    url: (database) => `postgresql://postgres:${PASSWORD}@127.0.0.1:${port}/${database}`,
    stop: async () => {
      if (!keeper.connected) return gone;
      keeper.channel?.ref();
      keeper.ref();
      keeper.disconnect();
      await gone;
    },
  };
}
