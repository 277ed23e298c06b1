import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { TenantName, UserId } from '../../../src/vocabulary/index.ts';
import { type Bench, callerOf, listTenants, openBench, PLAIN, waitUntil } from './support.ts';

const TABLE = `version: 1
features:
  ai: { flag: ai-engine, tables: [ai_job] }
  chat: { flag: chat-new }
routes:
  - { id: ai.jobs, match: { method: GET, path: /api/ai/jobs/ }, feature: ai, stage: canary, handle: ai/jobs }
  - { id: chat.channels, match: { method: GET, path: /api/chat/channels/ }, feature: chat, stage: canary, handle: chat/channels }
`;
const REFRESH_MS = 60;

type Answer = (req: IncomingMessage, res: ServerResponse) => void;
type Strategy = Readonly<Record<string, unknown>>;

/** A small server with Unleash's client endpoint and its ETags. */
let server: Server;
let answer: Answer;
let asked: IncomingMessage[];
let bench: Bench | undefined;

const feature = (name: string, ...strategies: readonly Strategy[]) => ({
  name,
  enabled: true,
  type: 'release',
  strategies,
});
const rollout = (percent: number, groupId: string) => ({
  name: 'flexibleRollout',
  parameters: { rollout: String(percent), stickiness: 'tenantId', groupId },
  constraints: [],
});
const onFor = (...tenants: readonly string[]) => ({
  name: 'default',
  parameters: {},
  constraints: [
    { contextName: 'tenantId', operator: 'IN', values: tenants, inverted: false, caseInsensitive: false },
  ],
});

function tell(features: readonly unknown[], segments: readonly unknown[] = []): Answer {
  const body = JSON.stringify({ version: 2, features, segments });
  const etag = `"${body.length}-${Buffer.from(body).toString('base64url').slice(-40)}"`;
  return (req, res) => {
    if (req.headers['if-none-match'] === etag) return void res.writeHead(304).end();
    res.writeHead(200, { 'content-type': 'application/json', etag }).end(body);
  };
}

const refuse =
  (status: number): Answer =>
  (_req, res) =>
    void res.writeHead(status).end();

beforeEach(async () => {
  asked = [];
  server = createServer((req, res) => {
    asked.push(req);
    answer(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await bench?.close();
  bench = undefined;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

// The library's retries of a request that was on its way cannot be called off; they end by themselves.
afterAll(() => wait(2_500));

async function open(): Promise<Bench> {
  const { port } = server.address() as AddressInfo;
  const unleash = {
    url: `http://127.0.0.1:${port}/api`,
    token: 'secret-token',
    appName: 'banyan',
    refreshMs: REFRESH_MS,
  };
  bench = await openBench(TABLE, { unleash });
  return bench;
}

const ask = (tenant: string, path = '/api/ai/jobs/') => {
  if (!bench) throw new Error('not open');
  const snapshot = bench.decide.pin();
  return bench.decide.decide(snapshot, bench.decide.match(snapshot, 'GET', path), callerOf(tenant), PLAIN);
};
const states = () =>
  (bench?.events ?? []).flatMap((event) => (event.type === 'flags_changed' ? [event.state] : []));

describe('flags of a server', () => {
  test('decide by lists, rollouts that stick to the tenant, and segments', async () => {
    const segment = {
      id: 7,
      name: 'friends',
      constraints: [{ contextName: 'tenantId', operator: 'IN', values: ['initech'] }],
    };
    answer = tell(
      [
        feature('ai-engine', onFor('acme'), {
          name: 'default',
          parameters: {},
          constraints: [],
          segments: [7],
        }),
        feature('chat-new', rollout(25, 'chat-new')),
      ],
      [segment],
    );
    await open();
    expect(ask('acme')).toMatchObject({ side: 'new', reason: 'flag_on' });
    expect(ask('initech')).toMatchObject({ side: 'new', reason: 'flag_on' });
    expect(ask('globex')).toMatchObject({ side: 'legacy', reason: 'flag_off' });
    const on = listTenants(400).filter((tenant) => ask(tenant, '/api/chat/channels/').side === 'new');
    expect(on.length).toBeGreaterThanOrEqual(80);
    expect(on.length).toBeLessThanOrEqual(120);
    expect(states()).toEqual(['ready']);
  });

  test('see the user and the tenant, and are explained as the rules of the service', async () => {
    answer = tell([
      feature('ai-engine', { name: 'userWithId', parameters: { userIds: '1' }, constraints: [] }),
      feature('chat-new', rollout(25, 'chat-new')),
    ]);
    const { decide } = await open();
    expect(ask('acme').reason).toBe('flag_on');
    const question = { method: 'GET', path: '/api/ai/jobs/', tenant: 'acme' as TenantName };
    expect(decide.explain({ ...question, user: 1 as UserId })).toMatchObject({
      side: 'new',
      flag: { rule: 'service', on: true },
    });
    expect(decide.explain({ ...question, user: 2 as UserId })).toMatchObject({
      side: 'legacy',
      reason: 'flag_off',
    });
    expect(decide.explain({ ...question, path: '/api/chat/channels/' }).flag?.bucket).toEqual(
      expect.any(Number),
    );
  });

  test('change the revision and the decisions when the server changes them', async () => {
    answer = tell([feature('ai-engine'), feature('chat-new')].map((each) => ({ ...each, enabled: false })));
    const { decide } = await open();
    const before = decide.pin().revision;
    expect(ask('acme').reason).toBe('flag_off');
    answer = tell([feature('ai-engine', onFor('acme')), feature('chat-new')]);
    await waitUntil(() => ask('acme').reason === 'flag_on', 2000);
    expect(decide.pin().revision).not.toBe(before);
    expect(decide.flagSource).toBe('unleash');
  });

  test('are asked for with the token, and no metrics are sent', async () => {
    answer = tell([feature('ai-engine'), feature('chat-new')]);
    await open();
    await wait(200);
    expect(asked.every((req) => req.headers.authorization === 'secret-token')).toBe(true);
    expect(new Set(asked.map((req) => `${req.method} ${req.url}`))).toEqual(
      new Set(['GET /api/client/features']),
    );
  });

  test('that break when they are read are unknown, and that is told once', async () => {
    const broken = {
      name: 'default',
      parameters: {},
      constraints: [{ contextName: 'tenantId', operator: 'IN' }],
    };
    answer = tell([feature('ai-engine', broken), feature('chat-new')]);
    await open();
    expect([ask('acme').reason, ask('globex').reason]).toEqual(['flag_unknown', 'flag_unknown']);
    expect(bench?.events.filter(({ type }) => type === 'flag_read_failed')).toHaveLength(1);
  });
});

describe('a server that says nothing at start', () => {
  test.each<[what: string, silent: Answer]>([
    ['hangs', () => {}],
    ['answers 401', refuse(401)],
    ['answers 500', refuse(500)],
    ['sends nonsense', (_req, res) => void res.writeHead(200).end('<html>')],
    ['knows no flags', tell([])],
    ['sends malformed flags', tell([{ name: 'ai-engine', enabled: 'yes' }])],
  ])('and %s: open within 2 s, legacy answers, and it is told', async (_what, silent) => {
    answer = silent;
    const begun = performance.now();
    await open();
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(ask('acme')).toMatchObject({ side: 'legacy', reason: 'flag_unknown', flag: { on: undefined } });
    expect(states()).toEqual(['default']);
  });

  test('is heard as soon as it speaks, also after 401, which stops the library for ever', async () => {
    answer = refuse(401);
    await open();
    answer = tell([feature('ai-engine', onFor('acme')), feature('chat-new')]);
    await waitUntil(() => ask('acme').reason === 'flag_on', 3000);
    expect(states()).toEqual(['default', 'ready']);
  });
});

describe('a server that falls silent later', () => {
  const good = tell([feature('ai-engine', onFor('acme')), feature('chat-new')]);

  test.each<[what: string, silent: Answer]>([
    ['hangs', () => {}],
    ['drops the connection', (req) => void req.socket.destroy()],
    ['answers 401', refuse(401)],
    ['answers 503', refuse(503)],
    ['is emptied', tell([])],
    ['loses half of the flags', tell([feature('chat-new')])],
    [
      'sends a malformed flag',
      tell([{ name: 'ai-engine', enabled: true, strategies: 'all' }, feature('chat-new')]),
    ],
    ['sends nonsense', (_req, res) => void res.writeHead(200, { etag: '"x"' }).end('{"features":[null]}')],
  ])('and %s: the last flags stay, it is told as stale, and a recovery is seen', async (_what, silent) => {
    answer = good;
    await open();
    expect(ask('acme').reason).toBe('flag_on');
    answer = silent;
    await waitUntil(() => states().at(-1) === 'stale', 3000);
    expect(ask('acme').reason).toBe('flag_on');
    answer = good;
    await waitUntil(() => states().at(-1) === 'ready', 5000);
    expect(ask('acme').reason).toBe('flag_on');
  });
});

test('a table that is swapped keeps the flags of the server', async () => {
  answer = tell([feature('ai-engine', onFor('acme')), feature('chat-new')]);
  const { decide, write } = await open();
  write(TABLE.replace('stage: canary, handle: ai/jobs', 'stage: canary, handle: ai/jobs, timeout_ms: 7'));
  await decide.reload();
  expect(ask('acme')).toMatchObject({ reason: 'flag_on', timeoutMs: 7 });
});
