// Banyan as in production: the real command on a real store, with everything switched on.
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createTagKeysText } from '../../src/admit/index.ts';
import { openStoreServer, type StoreServer } from '../../tests/drills/store-server.ts';
import { asSuperuser } from '../../tests/support/database.ts';
import { freePort } from '../../tests/support/free-port.ts';
import { type Server, startServer } from '../processes.ts';
import { until } from '../until.ts';
import { type BenchTable, fillPath, makeTable } from './table.ts';

export { fillPath, makeTable } from './table.ts';

const ROUTES = 200;
const ADMIN_TOKEN = 'admin-token-of-the-bench';
/** About one tenant in three is in none of the ten rollouts of 10 %. */
const CANDIDATES_PER_CALLER = 6;
const READY_MS = 20_000;

/** A store, a table and callers' keys, of which any number of Banyans can be started. */
export type Premises = Readonly<{
  table: BenchTable;
  /** API keys of that many tenants, all of whom legacy answers; made by the first Banyan that runs. */
  keys: readonly string[];
  start(wish: BanyanWish): Promise<Banyan>;
  close(): Promise<void>;
}>;

export type BanyanWish = Readonly<{
  upstreamPort: number;
  cores: string | undefined;
  workers?: number;
  env?: Readonly<Record<string, string>>;
}>;

export type Banyan = Server & Readonly<{ adminPort: number; emptyLog(): void }>;

export async function openPremises(
  wish: Readonly<{ folder: string; callers: number; upstreamPort: number }>,
): Promise<Premises> {
  const folder = join(wish.folder, 'banyan');
  mkdirSync(folder);
  // PostgreSQL runs as a user of its own.
  for (const path of [wish.folder, folder]) chmodSync(path, 0o755);
  const store = await openStoreServer(join(folder, 'store'));
  const table = makeTable(ROUTES);
  const tableFile = join(folder, 'routes.config.yaml');
  writeFileSync(tableFile, table.text);
  const candidates = nameTenants('caller', wish.callers * CANDIDATES_PER_CALLER);
  await addTenants(store, [...table.listed, ...candidates]);
  const tagKeys = createTagKeysText();
  let started = 0;
  const start = (how: BanyanWish) => {
    started += 1;
    return startBanyan({ ...how, folder, tableFile, tagKeys, store, number: started });
  };
  const first = await start({ upstreamPort: wish.upstreamPort, cores: undefined });
  const tenants = await findLegacyTenants(first, table, candidates, wish.callers);
  const keys = await Promise.all(tenants.map((tenant) => makeKey(first, tenant)));
  await first.stop();
  return { table, keys, start, close: () => store.stop() };
}

type StartWish = BanyanWish &
  Readonly<{ folder: string; tableFile: string; tagKeys: string; store: StoreServer; number: number }>;

async function startBanyan(wish: StartWish): Promise<Banyan> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const logFile = join(wish.folder, `log-${wish.number}.jsonl`);
  const server = await startServer({
    command: [process.execPath, resolve('bin/banyan.mjs'), 'serve'],
    cores: wish.cores,
    port,
    logFile,
    env: {
      NODE_ENV: 'production',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      DATABASE_URL: wish.store.appUrl,
      LEGACY_URL: `http://127.0.0.1:${wish.upstreamPort}`,
      BANYAN_ADMIN_TOKEN: ADMIN_TOKEN,
      BANYAN_CONFIG: wish.tableFile,
      TAG_SIGNING_KEYS: wish.tagKeys,
      // Tags from a cache; what a signature for each request costs is told beside it.
      TAG_BINDING: 'caller',
      WORKERS: String(wish.workers ?? 1),
      ...wish.env,
    },
  });
  await untilReady(adminPort);
  // A log of many rounds would fill the disk.
  return { ...server, adminPort, emptyLog: () => truncateSync(logFile) };
}

async function untilReady(adminPort: number): Promise<void> {
  const isReady = async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok;
  await until(() => isReady().catch(() => false), 'Banyan to be ready', READY_MS);
}

const nameTenants = (word: string, count: number) =>
  Array.from({ length: count }, (_, number) => `${word}-${String(number).padStart(3, '0')}`);

async function addTenants({ ownerUrl }: StoreServer, names: readonly string[]): Promise<void> {
  const rows = names.map((name, number) => `(${number + 1}, '${name}')`).join(', ');
  await asSuperuser(`INSERT INTO tenant (id, name) VALUES ${rows}`, ownerUrl);
}

/** Tenants whom legacy answers on every route, as Banyan itself explains it. */
async function findLegacyTenants(
  banyan: Banyan,
  { routes, features }: BenchTable,
  candidates: readonly string[],
  count: number,
): Promise<readonly string[]> {
  const found: string[] = [];
  const paths = features.map((name) => {
    const route = routes.find(({ feature }) => feature === name);
    return fillPath(route?.template ?? '/', 1);
  });
  for (const tenant of candidates) {
    const sides = await Promise.all(paths.map((path) => explainSide(banyan, path, tenant)));
    if (sides.every((side) => side === 'legacy')) found.push(tenant);
    if (found.length === count) return found;
  }
  throw new Error(`only ${found.length} of ${candidates.length} tenants are in no rollout`);
}

async function explainSide(banyan: Banyan, path: string, tenant: string): Promise<unknown> {
  const told = await callAdmin(banyan, '/api/explain', { method: 'GET', path, tenant });
  return told.side;
}

async function makeKey(banyan: Banyan, tenant: string): Promise<string> {
  const { key } = await callAdmin(banyan, '/api/keys', { tenant, user: 1, label: 'bench' });
  return String(key);
}

async function callAdmin(banyan: Banyan, path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`http://127.0.0.1:${banyan.adminPort}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const told = (await answer.json()) as Record<string, unknown>;
  if (!answer.ok) throw new Error(`Banyan refuses ${path}: ${JSON.stringify(told)}`);
  return told;
}
