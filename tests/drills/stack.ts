import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seed } from '../../legacy-stub/index.ts';
import { createTagKeysText } from '../../src/admit/index.ts';
import { forgetFollow, prepareFollow } from '../../src/move/index.ts';
import { copyTenants } from '../../src/store/index.ts';
import { createDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { ADMIN_TOKEN, until } from '../support/house.ts';
import { createStoreDatabase } from '../support/store.ts';
import { type LegacyProcess, startLegacyProcess } from './legacy-process.ts';
import { type Metrics, readMetrics } from './metrics.ts';
import { type Part, startPart } from './part.ts';
import { type ServeProcess, startServe } from './serve-process.ts';
import type { End, LoadAnswer, LoadAsk, Shot } from './shot.ts';
import { openStoreServer, type StoreServer } from './store-server.ts';

export type Env = Readonly<Record<string, string>>;

export type StackWish = Readonly<{
  table: string;
  tenants?: readonly string[];
  /** Settings of the gateway. */
  env?: Env;
  legacy?: Readonly<{ env?: Env; priority?: 'aside' }>;
  /** `own`: the new store has a PostgreSQL of its own, which can be taken down while legacy's stays. */
  storeServer?: 'own';
  /** The new store follows legacy's rows, so that they can be moved. */
  follow?: 'followed';
}>;

type Databases = Readonly<{
  legacyUrl: string;
  storeUrl: Readonly<{ app: string; superuser: string; owner: string }>;
  /** The replication slot by which rows are followed. */
  slot: string | undefined;
  storeServer: StoreServer | undefined;
  drop(): Promise<void>;
}>;

const PIECE_MS = 1_000;

/** All that production has, on this machine: PostgreSQL, a legacy monolith, `banyan serve`, people. Each in a process of its own. */
export class Stack {
  readonly port: number;
  readonly adminUrl: string;
  readonly tableFile: string;
  readonly storeUrl: Databases['storeUrl'];
  readonly legacyUrl: string;
  /** Of its own only; see StackWish. */
  readonly storeServer: StoreServer | undefined;
  readonly #folder: string;
  readonly #env: Env;
  readonly #startLegacy: () => Promise<LegacyProcess>;
  readonly #people = new Map<string, Part<LoadAsk, LoadAnswer>>();
  readonly #gateways: ServeProcess[] = [];
  readonly #keys = new Map<string, string>();
  readonly #drop: () => Promise<void>;
  legacy: LegacyProcess;

  constructor(
    places: Readonly<{ folder: string; tableFile: string; env: Env }>,
    databases: Databases,
    legacy: LegacyProcess,
    startLegacy: () => Promise<LegacyProcess>,
  ) {
    this.#folder = places.folder;
    this.tableFile = places.tableFile;
    this.#env = places.env;
    this.port = Number(places.env.PORT);
    this.adminUrl = `http://127.0.0.1:${places.env.ADMIN_PORT}`;
    this.storeUrl = databases.storeUrl;
    this.legacyUrl = databases.legacyUrl;
    this.storeServer = databases.storeServer;
    this.#drop = databases.drop;
    this.legacy = legacy;
    this.#startLegacy = startLegacy;
  }

  /** The newest gateway. */
  get gateway(): ServeProcess {
    const gateway = this.#gateways.at(-1);
    if (!gateway) throw new Error('no gateway has been started');
    return gateway;
  }

  /** Another gateway on the same ports: the first one, the next one after it, or one beside it; perhaps with other settings. */
  async startGateway(argv: readonly string[] = [], env: Env = {}): Promise<ServeProcess> {
    const logFile = join(this.#folder, `gateway-${this.#gateways.length + 1}.log`);
    const gateway = await startServe({ logFile, env: { ...this.#env, ...env }, argv });
    this.#gateways.push(gateway);
    return gateway;
  }

  async startLegacy(): Promise<void> {
    this.legacy = await this.#startLegacy();
  }

  /** Makes an API key for each tenant, as an operator would. */
  async makeKeys(tenants: readonly string[]): Promise<void> {
    for (const tenant of tenants) {
      const answer = await this.admin('POST', '/api/keys', { tenant, user: 1, label: 'drill' });
      const { key } = (await answer.json()) as { key: string };
      this.#keys.set(tenant, key);
    }
  }

  shot(tenant: string, target: string, more: Partial<Shot> = {}): Shot {
    const key = this.#keys.get(tenant);
    return { tenant, method: 'GET', target, weight: 1, ...(key !== undefined && { key }), ...more };
  }

  /** People ask the gateway. Each group is a process of its own, and asks one thing after the other. */
  ask(wish: Omit<LoadAsk, 'port'>, group = 'people'): Promise<LoadAnswer> {
    const people = this.#people.get(group) ?? startPart<LoadAsk, LoadAnswer>('./load.ts');
    this.#people.set(group, people);
    const asked = people.ask({ port: this.port, ...wish });
    // A drill that ends early has a reason of its own, which is the one to be told.
    asked.catch(() => undefined);
    return asked;
  }

  /** People go on asking while something is done; answers how every request ended, and what was done. */
  async askWhile<T>(
    wish: Omit<LoadAsk, 'port' | 'ms'>,
    work: () => Promise<T>,
    group?: string,
  ): Promise<Readonly<{ ends: readonly End[]; done: T }>> {
    const ends: End[] = [];
    let isOver = false;
    const asking = (async () => {
      for (let piece = 1; !isOver; piece += 1) {
        const asked = await this.ask({ ...wish, ms: PIECE_MS, seed: `${wish.seed} ${piece}` }, group);
        for (const end of asked.ends) ends.push(end);
      }
    })();
    // Where the work itself goes wrong, that is the reason to be told.
    asking.catch(() => undefined);
    const done = await work().finally(() => {
      isOver = true;
    });
    await asking;
    return { ends, done };
  }

  admin(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.adminUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async readMetrics(): Promise<Metrics> {
    return readMetrics(await (await this.admin('GET', '/metrics')).text());
  }

  writeTable(text: string): void {
    replaceFile(this.tableFile, text);
  }

  /** Writes the table and waits until it is in force in every process. */
  async useTable(text: string): Promise<void> {
    if (readFileSync(this.tableFile, 'utf8') === text) return;
    const { gateway } = this;
    const count = () => gateway.log.find('table_swapped').length;
    const swaps = count() + gateway.pids().length;
    this.writeTable(text);
    await until(() => count() >= swaps, 'the table to be in force');
  }

  async stop(): Promise<void> {
    for (const people of this.#people.values()) people.kill('SIGKILL');
    for (const gateway of this.#gateways) {
      for (const pid of gateway.pids()) endProcess(pid);
      await gateway.gone;
      gateway.log.close();
    }
    this.legacy.kill('SIGKILL');
    await this.legacy.gone;
    await this.#drop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export async function buildStack(wish: StackWish): Promise<Stack> {
  const { tenants = ['acme', 'globex', 'initech'], env } = wish;
  const folder = mkdtempSync(join(tmpdir(), 'banyan-drill-'));
  // PostgreSQL runs as a user of its own.
  chmodSync(folder, 0o755);
  const tableFile = join(folder, 'routes.config.yaml');
  replaceFile(tableFile, wish.table);
  const databases = await fillDatabases(folder, tenants.length, wish);
  const [port, adminPort, legacyPort] = [await freePort(), await freePort(), await freePort()];
  const startLegacy = () =>
    startLegacyProcess({ databaseUrl: databases.legacyUrl, port: legacyPort, adminPort, ...wish.legacy });
  const legacy = await startLegacy();
  const { slot, legacyUrl } = databases;
  const whole = {
    PORT: String(port),
    ADMIN_PORT: String(adminPort),
    DATABASE_URL: databases.storeUrl.app,
    LEGACY_URL: `http://127.0.0.1:${legacyPort}`,
    BANYAN_ADMIN_TOKEN: ADMIN_TOKEN,
    BANYAN_CONFIG: tableFile,
    TAG_SIGNING_KEYS: createTagKeysText(),
    WORKERS: '1',
    // Processes that wait for each other's processors are late without having too much to do.
    SHED_LAG_MS: '1000',
    ...(slot !== undefined && { FOLLOW_SLOT: slot, LEGACY_DATABASE_URL: legacyUrl }),
    ...env,
  };
  const stack = new Stack({ folder, tableFile, env: whole }, databases, legacy, startLegacy);
  await stack.startGateway();
  await stack.makeKeys(tenants);
  await until(async () => (await stack.admin('GET', '/readyz')).ok, 'the gateway to be ready', 10_000);
  return stack;
}

/** Runs a drill's story on a stack, and clears it away whatever happens. */
export async function onStack<T>(wish: StackWish, story: (stack: Stack) => Promise<T>): Promise<T> {
  const stack = await buildStack(wish);
  try {
    return await story(stack);
  } catch (error) {
    // Clearing away may fail as well, for the same reason.
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    throw error;
  } finally {
    await stack.stop();
  }
}

async function fillDatabases(
  folder: string,
  tenants: number,
  { storeServer, follow }: Pick<StackWish, 'storeServer' | 'follow'>,
): Promise<Databases> {
  const legacy = await createDatabase('legacy');
  await seed(legacy.url, { tenants });
  if (storeServer === undefined) {
    const store = await createStoreDatabase();
    const slot = await copyRows(legacy.url, store.ownerUrl, follow);
    const drop = async () => {
      if (slot !== undefined) await forgetFollow({ legacyUrl: legacy.url, slot });
      for (const database of [legacy, store]) await database.drop();
    };
    const storeUrl = { app: store.appUrl, superuser: store.superUrl, owner: store.ownerUrl };
    return { legacyUrl: legacy.url, storeUrl, slot, storeServer: undefined, drop };
  }
  const server = await openStoreServer(join(folder, 'store'));
  const slot = await copyRows(legacy.url, server.ownerUrl, follow);
  const drop = async () => {
    if (slot !== undefined) await forgetFollow({ legacyUrl: legacy.url, slot });
    await server.stop();
    await legacy.drop();
  };
  const storeUrl = { app: server.appUrl, superuser: server.superUrl, owner: server.ownerUrl };
  return { legacyUrl: legacy.url, storeUrl, slot, storeServer: server, drop };
}

async function copyRows(
  legacyUrl: string,
  ownerUrl: string,
  follow: StackWish['follow'],
): Promise<string | undefined> {
  if (follow === undefined) {
    await copyTenants({ legacyUrl, ownerUrl });
    return undefined;
  }
  const slot = `drill_${randomBytes(6).toString('hex')}`;
  await prepareFollow({ legacyUrl, ownerUrl, slot });
  return slot;
}

/** As an editor saves: nobody ever reads half of it. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
