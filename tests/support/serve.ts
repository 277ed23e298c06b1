import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTagKeysText } from '../../src/admit/index.ts';
import { type BanyanProcess, runBanyan } from './banyan-process.ts';
import { freePort } from './free-port.ts';
import { ADMIN_TOKEN, DEMO_TABLE, until } from './house.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from './store.ts';

export type Served = Readonly<{
  banyan: BanyanProcess;
  gatewayPort: number;
  adminPort: number;
  /** What another process needs to be the same Banyan. */
  env: Readonly<Record<string, string>>;
  lines(): readonly Line[];
  /** The process numbers of the workers that serve now. */
  workers(): readonly number[];
  admin(path: string): Promise<Response>;
  metrics(): Promise<string>;
}>;

type Line = Readonly<{ event: string; [field: string]: unknown }>;

export type ServeBench = Readonly<{
  store: StoreDatabase;
  serve(env?: Readonly<Record<string, string>>, argv?: readonly string[]): Promise<Served>;
  close(): Promise<void>;
}>;

/** `banyan serve` as processes of their own, before a monolith of the test's own, on a real store. */
export async function openServeBench(legacyUrl: string): Promise<ServeBench> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-serve-'));
  const table = join(folder, 'routes.config.yaml');
  writeFileSync(table, DEMO_TABLE);
  const store = await createStoreDatabase();
  await addTenant(store, 1, 'acme');
  const running: BanyanProcess[] = [];
  return {
    store,
    async serve(env = {}, argv = ['serve']) {
      const [gatewayPort, adminPort] = [
        Number(env.PORT ?? (await freePort())),
        Number(env.ADMIN_PORT ?? (await freePort())),
      ];
      const whole = {
        PORT: String(gatewayPort),
        ADMIN_PORT: String(adminPort),
        DATABASE_URL: store.appUrl,
        DATABASE_POOL_SIZE: '6',
        LEGACY_URL: legacyUrl,
        BANYAN_ADMIN_TOKEN: ADMIN_TOKEN,
        BANYAN_CONFIG: table,
        TAG_SIGNING_KEYS: createTagKeysText(),
        SHED_LAG_MS: '60000',
        WORKERS: '1',
        ...env,
      };
      const banyan = runBanyan(argv, whole);
      running.push(banyan);
      const served = observe(banyan, gatewayPort, adminPort, whole);
      await untilReady(served);
      return served;
    },
    async close() {
      for (const { child } of running) child.kill('SIGKILL');
      await Promise.all(running.map(({ exited }) => exited));
      await store.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function observe(
  banyan: BanyanProcess,
  gatewayPort: number,
  adminPort: number,
  env: Readonly<Record<string, string>>,
): Served {
  const lines = () =>
    banyan
      .out()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Line);
  const admin = (path: string) =>
    fetch(`http://127.0.0.1:${adminPort}${path}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  return {
    banyan,
    gatewayPort,
    adminPort,
    env,
    lines,
    admin,
    metrics: async () => (await admin('/metrics')).text(),
    workers: () => {
      const states = new Map<unknown, Line>();
      for (const line of lines()) if (line.event === 'worker_changed') states.set(line.worker, line);
      return [...states.values()]
        .filter(({ state }) => state === 'serving')
        .map(({ detail }) => Number(String(detail).replace('process ', '')));
    },
  };
}

/** By its own word: on shared ports another process may answer. */
async function untilReady({ banyan, lines }: Served): Promise<void> {
  let isOver = false;
  void banyan.exited.then(() => {
    isOver = true;
  });
  const isListening = () => lines().some(({ event, door }) => event === 'listening' && door === 'gateway');
  await until(() => isOver || isListening(), 'banyan serve to be ready', 30_000);
  if (isOver) throw new Error(`banyan serve ended at once:\n${banyan.out()}\n${banyan.err()}`);
}
