import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createApiKey } from '../../../src/admit/index.ts';
import { type Decide, editTable, openDecide, readTable, tableJsonSchema } from '../../../src/decide/index.ts';
import type { Defend } from '../../../src/defend/index.ts';
import { createObserve } from '../../../src/observe/index.ts';
import {
  type CommandLineParts,
  openAdminDoor,
  openTableTexts,
  runCommandLine,
} from '../../../src/operate/index.ts';
import { openStore, type Store, StoreUnavailable } from '../../../src/store/index.ts';
import type { BanyanEvent, FlipLog, Mapping } from '../../../src/vocabulary/index.ts';
import { openTestDefend } from '../../support/defend.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../../support/store.ts';
import { tenantPartsOf } from '../../support/tenants.ts';
import { type FakeReplays, fakeReplays } from './comparisons.ts';

export const TOKEN = 'admin-token-of-the-tests';
export const TENANTS = ['acme', 'globex', 'initech'] as const;

/** A table small enough to read: two features with a flag, one without, and comments that must survive. */
export const TABLE = `# who answers what
version: 1
flags:
  ai-engine: { percent: 0, tenants: [], except: [] } # the new engine
  chat-new: { percent: 0, tenants: [], except: [] }
features:
  ai: { flag: ai-engine, tables: [ai_job] }
  chat: { flag: chat-new, tables: [chat_channel, chat_message] }
  files: { tables: [files_file] }
routes:
  - id: ai.complete # the busiest
    match: { method: POST, path: /api/ai/completions/ }
    feature: ai
    stage: legacy
    handle: ai/complete
  - id: ai.jobs
    match: { method: GET, path: /api/ai/jobs/ }
    feature: ai
    stage: legacy
    handle: ai/jobs
  - id: chat.channels
    match: { method: GET, path: /api/chat/channels/ }
    feature: chat
    stage: legacy
    handle: chat/channels
  - id: files.list
    match: { method: GET, path: /api/files/ }
    feature: files
    stage: legacy
    handle: files/list
`;

const HANDLERS = ['ai/complete', 'ai/jobs', 'chat/channels', 'files/list'] as const;

export type AdminHouse = Readonly<{
  url: string;
  file: string;
  decide: Decide;
  defend: Defend;
  store: Store;
  database: StoreDatabase;
  replays: FakeReplays;
  events: readonly BanyanEvent[];
  emit(event: BanyanEvent): void;
  readTable(): string;
  writeTable(text: string): Promise<void>;
  ask(path: string, more?: Ask): Promise<Asked>;
  banyan(...argv: readonly string[]): Promise<Ran>;
  /** What the person at the screen will type when asked. */
  answer(typed: string): void;
  close(): Promise<void>;
}>;

type Ask = Readonly<{
  method?: string;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  token?: string | null;
}>;
// A test reads what it expects; a wrong guess fails the expectation.
// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
export type Asked = Readonly<{ status: number; headers: Headers; json: any; text: string }>;
export type Ran = Readonly<{ code: number; out: string; err: string }>;

const EMPTY_DRIFT = { tenants: 0, tables: 0, mapping: [], findings: [] };

type HouseWish = Readonly<{
  table?: string;
  flips?: (real: FlipLog) => FlipLog;
  screen?: { columns: number };
  flagSource?: 'unleash';
  prepareReturn?: () => Promise<void>;
  mappingInForce?: () => Promise<Mapping>;
  drift?: CommandLineParts['drift'];
}>;

/** The admin door and the command line over a real table file, a real decide and a real store. */
export async function openAdminHouse(wish: HouseWish = {}): Promise<AdminHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-operate-'));
  const file = join(folder, 'routes.config.yaml');
  writeFileSync(file, wish.table ?? TABLE);
  chmodSync(file, 0o640);
  const database = await createStoreDatabase();
  for (const [at, name] of TENANTS.entries()) await addTenant(database, at + 1, name);
  const observe = createObserve({
    level: 'silent',
    sink: { write: () => undefined, dropped: () => 0 } as never,
  });
  const events: BanyanEvent[] = [];
  observe.subscribe((event) => events.push(event));
  const store = await openStore({ url: database.appUrl, emit: observe.emit, onUnscoped: 'refuse' });
  const defend = openTestDefend(observe.emit);
  const decide = await openDecide({
    file,
    handlers: HANDLERS,
    emit: observe.emit,
    newSide: defend.newSide,
    onFeatures: defend.knowFeatures,
  });
  const texts = openTableTexts({ readTable, editTable, tableJsonSchema }, { handlers: HANDLERS });
  const replays = fakeReplays();
  const door = openAdminDoor({
    inForce: wish.flagSource ? { ...decide, flagSource: wish.flagSource } : decide,
    breakers: defend.breakers,
    texts,
    tableFile: file,
    flips: wish.flips?.(store.flips) ?? store.flips,
    ledger: store.ledger,
    replays,
    keys: store.keys,
    createApiKey: (key) => createApiKey({ env: 'test', ...key }),
    listTenants: store.tenants.list,
    tenures: store.tenures,
    moves: store.moves,
    moveLook: store.moveLook,
    prepareReturn: wish.prepareReturn ?? (async () => undefined),
    mappingInForce: wish.mappingInForce,
    patienceMs: 300,
    token: TOKEN,
    emit: observe.emit,
    subscribe: observe.subscribe,
    hosts: ['admin.example'],
    isStoreUnavailable: (error) => error instanceof StoreUnavailable,
    readiness: observe.readiness,
    metrics: observe.metrics,
    jwks: () => ({ keys: [] }),
  });
  const server = createServer(door.listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let typed = '';
  const parts: CommandLineParts = {
    serve: async () => 0,
    demo: async () => 0,
    migrate: async () => [],
    drift: wish.drift ?? { read: async () => EMPTY_DRIFT, describe: () => [] },
    follow: async () => ({ slot: 'made', tenants: 0, rows: 0, failed: [], ended: 'whole', notFollowed: [] }),
    tenants: tenantPartsOf(database.ownerUrl),
    texts,
    explainFile: async (path, question) => {
      const offline = await openDecide({ file: path, handlers: HANDLERS, emit: () => undefined });
      const told = offline.explain(question);
      await offline.close();
      return told;
    },
    version: '0.0.0-test',
  };
  return {
    url,
    file,
    decide,
    defend,
    store,
    database,
    replays,
    events,
    emit: observe.emit,
    readTable: () => readFileSync(file, 'utf8'),
    writeTable: async (text) => {
      writeFileSync(file, text);
      await decide.reload();
    },
    ask: (path, more) => ask(new URL(path, url), more),
    banyan: (...argv) =>
      runBanyan(argv, parts, { BANYAN_ADMIN_URL: url, BANYAN_ADMIN_TOKEN: TOKEN }, wish.screen, () => typed),
    answer: (text) => {
      typed = text;
    },
    close: async () => {
      door.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await decide.close();
      await store.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ask(url: URL, { method, body, headers, token = TOKEN }: Ask = {}): Promise<Asked> {
  const answer = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** Runs the command line in this process, with a terminal that remembers. */
export async function runBanyan(
  argv: readonly string[],
  parts: CommandLineParts,
  env: Readonly<Record<string, string | undefined>>,
  screen?: { columns: number },
  answer?: () => string,
): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await runCommandLine(
    argv,
    {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      screen,
      ask: screen && answer && (async () => answer()),
      env,
      userName: 'tester',
      readFile: async (path) => readFileSync(path, 'utf8'),
      writeFile: async (path, text) => {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      },
      listFiles: async (folder) => (existsSync(folder) ? readdirSync(folder) : []),
    },
    parts,
  );
  return { code, out, err };
}
