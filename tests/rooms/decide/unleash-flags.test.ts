import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { TenantName, UserId } from '../../../src/vocabulary/index.ts';
import {
  type FlagAnswer,
  type FlagServer,
  flag as feature,
  onFor,
  openFlagServer,
  refuse,
  rollout,
  tell,
} from '../../support/flag-server.ts';
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

let server: FlagServer;
let bench: Bench | undefined;

beforeEach(async () => {
  server = await openFlagServer(refuse(503));
});
afterEach(async () => {
  await bench?.close();
  bench = undefined;
  await server.close();
});

// The library's retries of a request that was on its way cannot be called off; they end by themselves.
afterAll(() => wait(2_500));

async function open(): Promise<Bench> {
  const unleash = { url: server.url, token: 'secret-token', appName: 'banyan', refreshMs: REFRESH_MS };
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
    server.answer(
      tell(
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
      ),
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
    server.answer(
      tell([
        feature('ai-engine', { name: 'userWithId', parameters: { userIds: '1' }, constraints: [] }),
        feature('chat-new', rollout(25, 'chat-new')),
      ]),
    );
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
    server.answer(
      tell([feature('ai-engine'), feature('chat-new')].map((each) => ({ ...each, enabled: false }))),
    );
    const { decide } = await open();
    const before = decide.pin().revision;
    expect(ask('acme').reason).toBe('flag_off');
    server.answer(tell([feature('ai-engine', onFor('acme')), feature('chat-new')]));
    await waitUntil(() => ask('acme').reason === 'flag_on', 2000);
    expect(decide.pin().revision).not.toBe(before);
    expect(decide.flagSource).toBe('unleash');
  });

  test('are asked for with the token, and no metrics are sent', async () => {
    server.answer(tell([feature('ai-engine'), feature('chat-new')]));
    await open();
    await wait(200);
    expect(server.asked.every((req) => req.headers.authorization === 'secret-token')).toBe(true);
    expect(new Set(server.asked.map((req) => `${req.method} ${req.url}`))).toEqual(
      new Set(['GET /api/client/features']),
    );
  });

  test('that break when they are read are unknown, and that is told once', async () => {
    const broken = {
      name: 'default',
      parameters: {},
      constraints: [{ contextName: 'tenantId', operator: 'IN' }],
    };
    server.answer(tell([feature('ai-engine', broken), feature('chat-new')]));
    await open();
    expect([ask('acme').reason, ask('globex').reason]).toEqual(['flag_unknown', 'flag_unknown']);
    expect(bench?.events.filter(({ type }) => type === 'flag_read_failed')).toHaveLength(1);
  });
});

describe('the variant of a flag', () => {
  const withVariants = (variants: readonly object[]) => ({
    ...rollout(100, 'ai-engine'),
    variants: variants.map((variant) => ({ stickiness: 'tenantId', weightType: 'variable', ...variant })),
  });

  test.each([
    ['new', { side: 'new', shadow: undefined, reason: 'flag_on', flag: { on: true } }],
    ['shadow', { side: 'legacy', shadow: 'new', reason: 'flag_shadow', flag: { on: false } }],
    ['legacy', { side: 'legacy', shadow: undefined, reason: 'flag_off', flag: { on: false } }],
  ])('%s is the stage that the tenant is at', async (name, expected) => {
    server.answer(tell([feature('ai-engine', withVariants([{ name, weight: 1000 }])), feature('chat-new')]));
    const { decide } = await open();
    expect(ask('acme')).toMatchObject(expected);
    const told = decide.explain({ method: 'GET', path: '/api/ai/jobs/', tenant: 'acme' as TenantName });
    expect(told).toMatchObject({ side: expected.side, shadow: expected.shadow, reason: expected.reason });
    expect(told.why).toMatch(/by the rules of the flag service\. So (legacy|the new side) answers\./);
  });

  test('of another name is no stage: legacy answers, and that is told once', async () => {
    const strategy = withVariants([{ name: 'shadwo', weight: 1000 }]);
    server.answer(tell([feature('ai-engine', strategy), feature('chat-new')]));
    await open();
    expect([ask('acme'), ask('globex')]).toMatchObject([
      { side: 'legacy', shadow: undefined, reason: 'flag_unknown' },
      { side: 'legacy', reason: 'flag_unknown' },
    ]);
    expect(bench?.events.filter(({ type }) => type === 'flag_read_failed')).toEqual([
      expect.objectContaining({ detail: 'expected a variant legacy, shadow or new, found "shadwo"' }),
    ]);
  });

  test('sticks to the tenant while weights shift from shadow to new', async () => {
    const tenants = listTenants(400);
    const weigh = (percent: number) =>
      tell([
        feature(
          'ai-engine',
          withVariants([
            { name: 'new', weight: percent * 10 },
            { name: 'shadow', weight: 1000 - percent * 10 },
          ]),
        ),
        feature('chat-new'),
      ]);
    server.answer(weigh(25));
    await open();
    const early = tenants.filter((tenant) => ask(tenant).reason === 'flag_on');
    expect(tenants.filter((tenant) => ask(tenant).reason === 'flag_shadow')).toHaveLength(400 - early.length);
    server.answer(weigh(60));
    await waitUntil(() => tenants.filter((tenant) => ask(tenant).side === 'new').length > early.length, 3000);
    expect(early.filter((tenant) => ask(tenant).side !== 'new')).toEqual([]);
    expect(early.length).toBeGreaterThan(70);
  });
});

describe('a server that says nothing at start', () => {
  test.each<[what: string, silent: FlagAnswer]>([
    ['hangs', () => {}],
    ['answers 401', refuse(401)],
    ['answers 500', refuse(500)],
    ['sends nonsense', (_req, res) => void res.writeHead(200).end('<html>')],
    ['knows no flags', tell([])],
    ['sends malformed flags', tell([{ name: 'ai-engine', enabled: 'yes' }])],
  ])('and %s: open within 2 s, legacy answers, and it is told', async (_what, silent) => {
    server.answer(silent);
    const begun = performance.now();
    await open();
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(ask('acme')).toMatchObject({ side: 'legacy', reason: 'flag_unknown', flag: { on: undefined } });
    expect(states()).toEqual(['default']);
  });

  test('is heard as soon as it speaks, also after 401, which stops the library for ever', async () => {
    server.answer(refuse(401));
    await open();
    server.answer(tell([feature('ai-engine', onFor('acme')), feature('chat-new')]));
    await waitUntil(() => ask('acme').reason === 'flag_on', 3000);
    expect(states()).toEqual(['default', 'ready']);
  });
});

describe('a server that falls silent later', () => {
  const good = tell([feature('ai-engine', onFor('acme')), feature('chat-new')]);

  test.each<[what: string, silent: FlagAnswer]>([
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
    server.answer(good);
    await open();
    expect(ask('acme').reason).toBe('flag_on');
    server.answer(silent);
    await waitUntil(() => states().at(-1) === 'stale', 3000);
    expect(ask('acme').reason).toBe('flag_on');
    server.answer(good);
    await waitUntil(() => states().at(-1) === 'ready', 5000);
    expect(ask('acme').reason).toBe('flag_on');
  });
});

test('a table that is swapped keeps the flags of the server', async () => {
  server.answer(tell([feature('ai-engine', onFor('acme')), feature('chat-new')]));
  const { decide, write } = await open();
  write(TABLE.replace('stage: canary, handle: ai/jobs', 'stage: canary, handle: ai/jobs, timeout_ms: 7'));
  await decide.reload();
  expect(ask('acme')).toMatchObject({ reason: 'flag_on', timeoutMs: 7 });
});
