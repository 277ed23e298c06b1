import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { seed, serveLegacy } from '../../legacy-stub/index.ts';
import { type Admit, createTagKeys, openAdmit } from '../../src/admit/index.ts';
import {
  type AiEngine,
  type HandleRequest,
  openHandle,
  openLocalEngine,
  type RecordedEffect,
  recordEffects,
} from '../../src/handle/index.ts';
import { copyTenants, openStore } from '../../src/store/index.ts';
import {
  type Arrival,
  type BanyanEvent,
  type Caller,
  isFailure,
  type Outcome,
  parseTenantName,
  parseUserId,
  type RowChange,
  type Side as SideName,
  type TenantName,
} from '../../src/vocabulary/index.ts';
import { asSuperuser, createDatabase } from './database.ts';
import { EDGE_ROWS } from './edge-rows.ts';
import { listIdentity } from './identity.ts';
import { createStoreDatabase, type StoreDatabase } from './store.ts';

/** Who asks, as the gateway would have found out. */
export type Asker = Readonly<{
  tenant?: string;
  user?: number;
  by?: 'api_key' | 'jwt' | 'session';
}>;

export type Ask = Readonly<{
  method?: string;
  /** Path and query. */
  target: string;
  as?: Asker;
  headers?: Readonly<Record<string, string>>;
  body?: string | Buffer | undefined;
}>;

export type Answer = Readonly<{
  status: number;
  /** Lower case; `set-cookie` is a list. */
  headers: IncomingMessage['headers'];
  body: Buffer;
  text: string;
  /** Parsed where it is JSON. */
  json: unknown;
}>;

/** One side of the product over a real socket, asked past the gateway with what the gateway would add. */
export type Side = Readonly<{
  name: SideName;
  ask(ask: Ask): Promise<Answer>;
  openSocket(ask: Ask): WebSocket;
  /** What the new side told; empty for legacy. */
  events: readonly BanyanEvent[];
  outcomes: readonly Outcome[];
  close(): Promise<void>;
}>;

export const HOST = 'acme.localhost:8080';
export const ADA: Asker = { tenant: 'acme', user: 1, by: 'api_key' };

/** A seeded legacy database, and a store that holds the same rows. */
export type SameRows = Readonly<{ legacyUrl: string; store: StoreDatabase; drop(): Promise<void> }>;

export async function createSameRows(tenants = 2): Promise<SameRows> {
  const legacy = await createDatabase('legacy');
  await seed(legacy.url, { tenants });
  await asSuperuser(EDGE_ROWS, legacy.url);
  const store = await createStoreDatabase();
  await copyTenants({ legacyUrl: legacy.url, ownerUrl: store.ownerUrl });
  return {
    legacyUrl: legacy.url,
    store,
    drop: async () => {
      await legacy.drop();
      await store.drop();
    },
  };
}

export async function startLegacySide(rows: Pick<SameRows, 'legacyUrl'>): Promise<Side> {
  const admit = openTestAdmit();
  const legacy = await serveLegacy({
    databaseUrl: rows.legacyUrl,
    port: 0,
    dashboardMs: 0,
    tokenMs: 0,
    fetchKeys: async () => admit.jwks() as unknown as { keys: readonly never[] },
  });
  const sign = (ask: Ask) => {
    const headers = listIdentity(admit.identity(describeArrival(ask), makeCaller(ask.as ?? ADA), 'legacy'));
    return pair(headers);
  };
  return {
    name: 'legacy',
    ask: (ask) => exchange(legacy.port, ask, sign(ask)),
    openSocket: (ask) => openSocket(legacy.port, ask, sign(ask)),
    events: [],
    outcomes: [],
    close: async () => {
      await legacy.close();
      admit.close();
    },
  };
}

/** The demo's routes of the new side: what `routes.config.yaml` maps. */
const ROUTES: readonly (readonly [method: string, path: RegExp, handler: string])[] = [
  ['POST', /^\/api\/auth\/login\/$/, 'login/login'],
  ['POST', /^\/api\/auth\/logout\/$/, 'login/logout'],
  ['GET', /^\/api\/auth\/me\/$/, 'login/me'],
  ['POST', /^\/api\/ai\/completions\/$/, 'ai/complete'],
  ['GET', /^\/api\/ai\/jobs\/$/, 'ai/jobs'],
  ['GET', /^\/api\/ai\/jobs\/(?<id>[^/]+)\/$/, 'ai/job'],
  ['GET', /^\/api\/chat\/channels\/$/, 'chat/channels'],
  ['GET', /^\/api\/chat\/channels\/(?<id>[^/]+)\/messages\/$/, 'chat/messages'],
  ['POST', /^\/api\/chat\/channels\/(?<id>[^/]+)\/messages\/$/, 'chat/post'],
  ['GET', /^\/ws\/chat\/(?<channel>[^/]+)\/$/, 'chat/socket'],
  ['GET', /^\/api\/files\/$/, 'files/list'],
  ['POST', /^\/api\/files\/$/, 'files/upload'],
  ['GET', /^\/api\/files\/(?<id>[^/]+)\/content\/$/, 'files/content'],
  ['DELETE', /^\/api\/files\/(?<id>[^/]+)\/$/, 'files/delete'],
  ['GET', /^\/api\/dashboard\/summary\/$/, 'dashboard/summary'],
];

export type NewWish = Readonly<{
  ai?: AiEngine;
  aiTimeoutMs?: number;
  largestFileBytes?: number;
  timeoutMs?: number;
  endSession?: (tenant: string, key: string) => Promise<void>;
  poolSize?: number;
  /** Every request is rehearsed instead: answered, and undone. Is told what would have been done outside the database, and in it. */
  rehearse?: (recorded: readonly RecordedEffect[], rows: readonly RowChange[]) => void;
}>;

const CALLER_HEADER = 'x-test-caller';

/** The handle room behind a plain server: admit's own `receive`, the routes above, and nothing else of the gateway. */
export async function startNewSide(rows: Pick<SameRows, 'store'>, wish: NewWish = {}): Promise<Side> {
  const events: BanyanEvent[] = [];
  const outcomes: Outcome[] = [];
  // What the store counts of its connections is told of every transaction, and of no trouble.
  const emit = (event: BanyanEvent) => {
    if (!event.type.startsWith('store_')) events.push(event);
  };
  const { poolSize = 10, timeoutMs, rehearse, ...rest } = wish;
  const store = await openStore({ url: rows.store.appUrl, emit, onUnscoped: 'refuse', poolSize });
  const handle = openHandle({ store, ai: openLocalEngine(), emit, ...rest });
  const admit = openTestAdmit();
  const read = (req: IncomingMessage) => {
    const arrival = admit.receive(req, { byHost: '{tenant}.localhost' });
    if (isFailure(arrival)) throw new Error(`The test's own request was refused: ${arrival.code}`);
    const caller = makeCaller(JSON.parse(String(req.headers[CALLER_HEADER])) as Asker);
    const signal = timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) };
    return { arrival, caller, decision: decide(arrival), ...signal };
  };
  const tryOut = async (asked: HandleRequest, req: IncomingMessage, res: ServerResponse) => {
    const recording = recordEffects({ ai: rest.ai ?? openLocalEngine() }, { completion: 'as legacy said' });
    const { tenant = 'acme' as TenantName } = asked.caller;
    const handler = asked.decision.handler ?? '';
    const now = { at: undefined, manner: 'read_write' } as const;
    const { result, rows } = await store.rehearsal(tenant, handler, now, (scope) =>
      handle.answer({ ...asked, rehearsal: { scope, effects: recording.effects } }, req, res),
    );
    rehearse?.(recording.recorded, rows);
    return result;
  };
  const answer = async (req: IncomingMessage, res: ServerResponse) => {
    const asked = read(req);
    res.setHeader('X-Request-Id', asked.arrival.requestId);
    const outcome = rehearse ? await tryOut(asked, req, res) : await handle.answer(asked, req, res);
    outcomes.push(outcome);
    if (outcome.kind === 'failed')
      res.writeHead(outcome.failure.status, { 'X-Failure': outcome.failure.code }).end();
  };
  const server = createServer((req, res) => void answer(req, res));
  server.on('upgrade', async (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    outcomes.push(await handle.upgrade(read(req), req, socket, head));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const identify = (ask: Ask) => ({ [CALLER_HEADER]: JSON.stringify(ask.as ?? ADA) });
  return {
    name: 'new',
    ask: (ask) => exchange(port, ask, identify(ask)),
    openSocket: (ask) => openSocket(port, ask, identify(ask)),
    events,
    outcomes,
    close: async () => {
      await handle.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store.close();
      admit.close();
    },
  };
}

function decide({ method, path }: Arrival) {
  const verb = method === 'HEAD' ? 'GET' : method;
  for (const [each, pattern, handler] of ROUTES) {
    const match = each === verb ? pattern.exec(path) : null;
    if (match) return { handler, params: { ...match.groups }, route: undefined };
  }
  throw new Error(`The test asks for ${method} ${path}, which the new side does not have.`);
}

function openTestAdmit(): Admit {
  return openAdmit({
    tagKeys: createTagKeys(),
    emit: () => undefined,
    demoKeys: 'refused',
    isTenant: () => true,
    trustedProxies: ['127.0.0.1'],
  });
}

export function makeCaller({ tenant, user, by }: Asker): Caller {
  const name = parseTenantName(tenant);
  const id = parseUserId(user);
  if (name === undefined || id === undefined) return { kind: 'anonymous', tenant: name };
  return { kind: 'known', tenant: name, user: id, scopes: [], by: by ?? 'api_key', credentialId: 'test' };
}

function describeArrival({ method = 'GET', target }: Ask): Arrival {
  return {
    requestId: `test-${Math.random().toString(36).slice(2, 12).padEnd(10, '0')}` as Arrival['requestId'],
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: '00', state: undefined },
    method,
    target,
    path: target.split('?', 1)[0] ?? '/',
    host: HOST,
    hostTenant: undefined,
    headers: [],
    credentials: [],
    wish: undefined,
    upgrade: false,
    peer: '127.0.0.1',
  } as Arrival;
}

/** `https` only where the test says so, on either side. */
function pair(list: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = String(list[i]);
    if (!/^x-forwarded-/i.test(name)) headers[name] = String(list[i + 1]);
  }
  return headers;
}

function exchange(port: number, ask: Ask, identity: Readonly<Record<string, string>>): Promise<Answer> {
  const { method = 'GET', target, headers, body } = ask;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const req = send({
      host: '127.0.0.1',
      port,
      method,
      path: target,
      agent: false,
      headers: { host: HOST, ...length, ...headers, ...identity },
    });
    req.once('error', reject);
    req.once('response', (res) => void collect(res).then(resolve, reject));
    req.end(body);
  });
}

async function collect(res: IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = [];
  for await (const piece of res) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  const text = body.toString();
  const isJson = res.headers['content-type'] === 'application/json' && text !== '';
  return {
    status: res.statusCode ?? 0,
    headers: res.headers,
    body,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

function openSocket(port: number, ask: Ask, identity: Readonly<Record<string, string>>): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${port}${ask.target}`, {
    headers: { host: HOST, ...ask.headers, ...identity },
    perMessageDeflate: false,
  });
}
