import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Legacy, type LegacyWish, seed, serveLegacy } from '../../legacy-stub/index.ts';
import { createTagKeysText } from '../../src/admit/index.ts';
import { type House, type HouseWish, openHouse } from '../../src/main.ts';
import { prepareFollow } from '../../src/move/index.ts';
import { readSettings } from '../../src/settings.ts';
import { copyTenants } from '../../src/store/index.ts';
import type { Stage } from '../../src/vocabulary/index.ts';
import { asSuperuser, createDatabase, superuserUrl } from './database.ts';
import { freePort } from './free-port.ts';
import { createStoreDatabase } from './store.ts';

export const DEMO_TABLE = readFileSync('routes.config.yaml', 'utf8');
export const ADMIN_TOKEN = 'admin-token-of-the-tests';

export type TestHouse = Readonly<{
  gatewayUrl: string;
  gatewayPort: number;
  adminUrl: string;
  tableFile: string;
  legacy: Legacy;
  storeUrl: Readonly<{ owner: string; app: string; superuser: string }>;
  legacyDatabaseUrl: string;
  /** Every line of the gateway's log so far. */
  log: readonly string[];
  writeTable(text: string): void;
  /** Writes the table and waits until it is in force. */
  useTable(text: string): Promise<void>;
  /** Calls the gateway as the demo key of this tenant. */
  call(tenant: string, method: string, path: string, more?: CallWish): Promise<Response>;
  admin(method: string, path: string, body?: unknown): Promise<Response>;
  close(): Promise<void>;
}>;

export type CallWish = Readonly<{ headers?: Record<string, string>; body?: string; key?: string }>;

export type TestHouseWish = Readonly<{
  tenants?: number;
  table?: string;
  env?: Readonly<Record<string, string>>;
  legacy?: Partial<LegacyWish>;
  /** Legacy's rows are followed into the new store, as comparisons need them. */
  follow?: 'followed';
  /** A monolith of the test's own, which says what no stub would, in the stub's place. */
  legacyUrl?: string;
  /** SQL for legacy's database, before its rows are copied. */
  edgeRows?: string;
  startRehearsals?: NonNullable<HouseWish['startRehearsals']>;
}>;

/** The whole house on real parts, in this process: PostgreSQL, the legacy stub on its own socket, gateway and admin door. */
export async function startHouse(wish: TestHouseWish = {}): Promise<TestHouse> {
  const { tenants = 3 } = wish;
  const folder = mkdtempSync(join(tmpdir(), 'banyan-house-'));
  const tableFile = join(folder, 'routes.config.yaml');
  writeFileSync(tableFile, wish.table ?? DEMO_TABLE);
  const [legacyDatabase, store] = await Promise.all([createDatabase('legacy'), createStoreDatabase()]);
  await seed(legacyDatabase.url, { tenants });
  if (wish.edgeRows) await asSuperuser(wish.edgeRows, legacyDatabase.url);
  const slot = wish.follow && `house_${randomBytes(6).toString('hex')}`;
  if (slot) await prepareFollow({ legacyUrl: legacyDatabase.url, ownerUrl: store.ownerUrl, slot });
  else await copyTenants({ legacyUrl: legacyDatabase.url, ownerUrl: store.ownerUrl });
  const [gatewayPort, adminPort] = [await freePort(), await freePort()];
  const jwksUrl = `http://127.0.0.1:${adminPort}/.well-known/jwks.json`;
  const legacy = await serveLegacy({
    databaseUrl: legacyDatabase.url,
    port: 0,
    jwksUrl,
    dashboardMs: 5,
    tokenMs: 1,
    ...wish.legacy,
  });
  const log: string[] = [];
  const house = await openHouse({
    settings: loadSettings({
      PORT: String(gatewayPort),
      ADMIN_PORT: String(adminPort),
      BANYAN_CONFIG: tableFile,
      // Test machines are busy.
      MIRROR_LAG_MS: '10000',
      SHED_LAG_MS: '60000',
      // What is compared must not depend on how many cores there are.
      MIRROR_CPU_PERCENT: '1000',
      // Whoever plays a broken monolith wants every request to reach it.
      ...(wish.legacyUrl && { BREAKER_FAILED_PERCENT: '100' }),
      ...(slot && { FOLLOW_SLOT: slot, LEGACY_DATABASE_URL: legacyDatabase.url }),
      ...wish.env,
    }),
    databaseUrl: store.appUrl,
    legacyUrl: wish.legacyUrl ?? legacy.url,
    legacyDatabaseUrl: legacyDatabase.url,
    ...(wish.startRehearsals && { startRehearsals: wish.startRehearsals }),
    adminToken: ADMIN_TOKEN,
    tagKeys: createTagKeysText(),
    demoKeys: 'accepted',
    sink: { write: (line) => log.push(line), dropped: () => 0 },
  });
  if (slot) await until(() => isRehearsing(log), 'rehearsals and the follower', 20_000);
  const admin = (method: string, path: string, body?: unknown) =>
    fetch(`${house.adminUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  // As an editor saves: a new file in the old one's place.
  const writeTable = (text: string) => {
    writeFileSync(`${tableFile}.new`, text);
    renameSync(`${tableFile}.new`, tableFile);
  };
  return {
    gatewayUrl: house.gatewayUrl,
    gatewayPort,
    adminUrl: house.adminUrl,
    tableFile,
    legacy,
    storeUrl: { owner: store.ownerUrl, app: store.appUrl, superuser: store.superUrl },
    legacyDatabaseUrl: legacyDatabase.url,
    log,
    writeTable,
    useTable: async (text) => {
      if (readFileSync(tableFile, 'utf8') === text) return;
      const swaps = countSwaps(log);
      writeTable(text);
      await until(() => countSwaps(log) > swaps, 'the table to be in force');
    },
    call: (tenant, method, path, { headers = {}, body, key = `byn_demo_${tenant}` } = {}) =>
      fetch(`${house.gatewayUrl}${path}`, {
        method,
        redirect: 'manual',
        headers: { ...(key !== '' && { authorization: `Bearer ${key}` }), ...headers },
        ...(body !== undefined && { body }),
      }),
    admin,
    close: () => closeAll(house, legacy, folder, slot, [legacyDatabase, store]),
  };
}

async function closeAll(
  house: House,
  legacy: Legacy,
  folder: string,
  slot: string | undefined,
  databases: readonly { drop(): Promise<void> }[],
): Promise<void> {
  await house.close('test', 0);
  await legacy.close();
  if (slot) await dropSlot(slot);
  for (const database of databases) await database.drop();
  rmSync(folder, { recursive: true, force: true });
}

const isRehearsing = (log: readonly string[]) =>
  ['"event":"rehearsals_changed","state":"ready"', '"event":"follow_changed","state":"following"'].every(
    (sign) => log.some((line) => line.includes(sign)),
  );

/** Waits until the follower has let go of it. */
async function dropSlot(slot: string): Promise<void> {
  const drop = () =>
    asSuperuser(`SELECT pg_drop_replication_slot('${slot}')`).then(
      () => true,
      () => false,
    );
  await until(drop, `slot ${slot} to be free`);
}

const countSwaps = (log: readonly string[]) =>
  log.filter((line) => line.includes('"event":"table_swapped"')).length;

export function loadSettings(env: Readonly<Record<string, string>>) {
  const result = readSettings({ LOG_LEVEL: 'info', SHUTDOWN_GRACE_MS: '2000', ...env });
  if (result.kind === 'mistakes') throw new Error(result.mistakes.join('\n'));
  return { ...result.settings, WORKERS: result.settings.WORKERS ?? 1 };
}

/** The demo's table with every listed route at this stage; a canary takes the tenants given. */
export function tableAt(stage: Stage, tenants: readonly string[] = []): string {
  return DEMO_TABLE.replace(/^( {4}stage: )legacy/gm, `$1${stage}`).replace(
    /percent: 0, tenants: \[\]/g,
    `percent: 0, tenants: [${tenants.join(', ')}]`,
  );
}

export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  patienceMs = 5_000,
): Promise<void> {
  const beganMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - beganMs > patienceMs) throw new Error(`waited ${patienceMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Runs one query as the superuser on a database of the house. */
export async function query<Row extends object>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row & pg.QueryResultRow>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

export { superuserUrl };
