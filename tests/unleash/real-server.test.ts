import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TenantName } from '../../src/vocabulary/index.ts';
import { type Bench, callerOf, listTenants, openBench, PLAIN, waitUntil } from '../rooms/decide/support.ts';
import { asSuperuser } from '../support/database.ts';
import { INSTALL_WITHIN_MS, installUnleash } from './install.ts';
import { archiveFlags, CLIENT_TOKEN, openUnleash, type UnleashServer } from './unleash-server.ts';

// decide with the flags of a real Unleash server, changed by its own admin API as its console does.

const TABLE = `version: 1
flags:
  ai-engine: { percent: 25 }
  chat-new: {}
features:
  ai: { flag: ai-engine, tables: [ai_job] }
  chat: { flag: chat-new }
routes:
  - { id: ai.jobs, match: { method: GET, path: /api/ai/jobs/ }, feature: ai, stage: canary, handle: ai/jobs }
  - { id: chat.channels, match: { method: GET, path: /api/chat/channels/ }, feature: chat, stage: canary, handle: chat/channels }
`;
const TENANTS = listTenants(400);

let unleash: UnleashServer;
let bench: Bench;
beforeAll(async () => {
  await installUnleash();
  unleash = await openUnleash();
  await unleash.admin('POST', '/context', { name: 'tenantId', stickiness: true });
}, INSTALL_WITHIN_MS);
afterAll(async () => {
  await unleash?.close();
  // The library's retries of a request that was on its way cannot be called off; they end by themselves.
  await wait(2_500);
});

const open = async (token = CLIENT_TOKEN) => {
  bench = await openBench(TABLE, {
    unleash: { url: unleash.url, token, appName: 'banyan', refreshMs: 100 },
  });
};
afterEach(() => bench?.close());

const ask = (tenant: TenantName, path = '/api/ai/jobs/') => {
  const snapshot = bench.decide.pin();
  return bench.decide.decide(snapshot, bench.decide.match(snapshot, 'GET', path), callerOf(tenant), PLAIN);
};
const listWith = (reason: string) => TENANTS.filter((tenant) => ask(tenant).reason === reason);
const states = () => bench.events.flatMap((event) => (event.type === 'flags_changed' ? [event.state] : []));
const becomes = (state: string) => waitUntil(() => states().at(-1) === state, 10_000);

/** Gives a flag exactly these strategies, on. */
async function setFlag(name: string, strategies: readonly object[]): Promise<void> {
  const at = `/projects/default/features/${name}/environments/development`;
  const old = await unleash.admin<readonly { id: string }[]>('GET', `${at}/strategies`);
  for (const strategy of strategies) await unleash.admin('POST', `${at}/strategies`, strategy);
  for (const { id } of old) await unleash.admin('DELETE', `${at}/strategies/${id}`);
  await unleash.admin('POST', `${at}/on`);
}
const rollout = (percent: number, more: object = {}) => ({
  name: 'flexibleRollout',
  parameters: { rollout: String(percent), stickiness: 'tenantId', groupId: 'ai-engine' },
  constraints: [],
  ...more,
});
const constrain = (operator: string, values: readonly string[], contextName = 'tenantId') => ({
  contextName,
  operator,
  values,
});

describe('flags of a real Unleash', () => {
  beforeAll(async () => {
    for (const name of ['ai-engine', 'chat-new'])
      await unleash.admin('POST', '/projects/default/features', { name, type: 'release' });
    await setFlag('chat-new', [rollout(100)]);
  });

  test('row-085-same-tenants: 25 % by tenantId are the very tenants whom the table would have chosen, and growing takes nobody back', async () => {
    const file = await openBench(TABLE);
    const snapshot = file.decide.pin();
    const match = file.decide.match(snapshot, 'GET', '/api/ai/jobs/');
    const ofTheTable = TENANTS.filter(
      (tenant) => file.decide.decide(snapshot, match, callerOf(tenant), PLAIN).side === 'new',
    );
    await file.close();
    await setFlag('ai-engine', [rollout(25)]);
    await open();
    await waitUntil(() => listWith('flag_on').length > 0, 10_000);
    expect(listWith('flag_on')).toEqual(ofTheTable);
    expect(ofTheTable.length).toBeGreaterThan(80);
    await setFlag('ai-engine', [rollout(50)]);
    await waitUntil(() => listWith('flag_on').length > ofTheTable.length, 10_000);
    expect(ofTheTable.filter((tenant) => ask(tenant).side !== 'new')).toEqual([]);
  });

  test('follow constraints on tenant, user and time', async () => {
    await setFlag('ai-engine', [
      rollout(100, { constraints: [constrain('IN', ['acme', 'globex']), constrain('NOT_IN', ['globex'])] }),
      rollout(100, { constraints: [constrain('STR_STARTS_WITH', ['tenant-01'])] }),
      rollout(100, {
        constraints: [
          constrain('IN', ['initech']),
          {
            contextName: 'currentTime',
            operator: 'DATE_AFTER',
            value: '2999-01-01T00:00:00.000Z',
            values: [],
          },
        ],
      }),
    ]);
    await open();
    await waitUntil(() => listWith('flag_on').length === 11, 10_000);
    expect(listWith('flag_on')).toEqual([
      'acme',
      ...Array.from({ length: 10 }, (_, digit) => `tenant-01${digit}`),
    ]);
  });

  test('reach a thousand tenants by a segment, and nobody else', async () => {
    const values = [...TENANTS.slice(0, 300), ...Array.from({ length: 700 }, (_, n) => `other-${n}`)];
    const { id } = await unleash.admin<{ id: number }>('POST', '/segments', {
      name: 'first-movers',
      constraints: [constrain('IN', values)],
    });
    await setFlag('ai-engine', [rollout(100, { segments: [id] })]);
    await open();
    await waitUntil(() => listWith('flag_on').length === 300, 10_000);
    expect(listWith('flag_on')).toEqual(TENANTS.slice(0, 300));
    expect([ask('other-699' as TenantName).side, ask('other-700' as TenantName).side]).toEqual([
      'new',
      'legacy',
    ]);
  });

  test('name the stage of each tenant by their variants, and carry them from shadow to new', async () => {
    const variant = (name: string, weight: number) => ({
      name,
      weight,
      weightType: name === 'new' ? 'fix' : 'variable',
      stickiness: 'tenantId',
    });
    await setFlag('ai-engine', [rollout(50, { variants: [variant('new', 200), variant('shadow', 800)] })]);
    await open();
    await waitUntil(() => listWith('flag_shadow').length > 0, 10_000);
    const [on, shadowed, off] = [listWith('flag_on'), listWith('flag_shadow'), listWith('flag_off')];
    expect(on.length + shadowed.length + off.length).toBe(TENANTS.length);
    expect(on.length).toBeGreaterThan(20);
    expect(shadowed.length).toBeGreaterThan(2 * on.length);
    expect(shadowed.map((tenant) => ask(tenant).shadow)).toEqual(shadowed.map(() => 'new'));
    await setFlag('ai-engine', [rollout(50, { variants: [variant('new', 600), variant('shadow', 400)] })]);
    await waitUntil(() => listWith('flag_on').length > on.length, 10_000);
    expect(on.filter((tenant) => ask(tenant).side !== 'new')).toEqual([]);
    expect([...listWith('flag_on'), ...listWith('flag_shadow')].sort()).toEqual([...on, ...shadowed].sort());
  });
});

test('the table’s force: legacy beats an Unleash that says on for everybody', async () => {
  await setFlag('ai-engine', [rollout(100)]);
  await open();
  await waitUntil(() => listWith('flag_on').length === TENANTS.length, 10_000);
  bench.write(TABLE.replace('flag: ai-engine,', 'flag: ai-engine, force: legacy,'));
  await bench.decide.reload();
  expect(listWith('forced_legacy')).toEqual(TENANTS);
});

describe('a real Unleash on a bad day', () => {
  beforeEach(async () => {
    await setFlag('ai-engine', [rollout(100, { constraints: [constrain('IN', ['acme'])] })]);
  });

  const isGood = async () => {
    const reasons = () => (['acme', 'globex'] as TenantName[]).map((tenant) => ask(tenant).reason).join();
    await waitUntil(() => reasons() === 'flag_on,flag_off', 10_000);
  };

  test('row-080-wrong-token: with a token that it does not know, legacy answers, and that is told', async () => {
    await open('*:development.of-somebody-else');
    expect(ask('acme' as TenantName)).toMatchObject({ side: 'legacy', reason: 'flag_unknown' });
    expect(bench.events).toContainEqual(
      expect.objectContaining({
        type: 'flags_changed',
        state: 'default',
        detail: expect.stringContaining('401'),
      }),
    );
  });

  test('row-081-emptied-project: a project whose flags are all archived is not believed, and is when they are back', async () => {
    await open();
    await isGood();
    await archiveFlags(unleash, 'archive', ['ai-engine', 'chat-new']);
    await becomes('stale');
    await isGood();
    await archiveFlags(unleash, 'revive', ['ai-engine', 'chat-new']);
    for (const name of ['ai-engine', 'chat-new'])
      await unleash.admin('POST', `/projects/default/features/${name}/environments/development/on`);
    await becomes('ready');
    await isGood();
  });

  test('row-082-broken-rows: a rule that its database has broken makes the flag unknown, not on', async () => {
    const broken = JSON.stringify([{ contextName: 'tenantId', operator: 'IN', values: 'acme' }]);
    await asSuperuser(
      `UPDATE feature_strategies SET constraints = '${broken}' WHERE feature_name = 'ai-engine'`,
      unleash.databaseUrl,
    );
    await setFlag('chat-new', [rollout(100)]);
    await open();
    await waitUntil(() => ask('acme' as TenantName).reason === 'flag_unknown', 10_000);
    expect(ask('acme' as TenantName).side).toBe('legacy');
    expect(bench.events.some(({ type }) => type === 'flag_read_failed')).toBe(true);
  });

  test('row-079-killed-server and row-080-token-taken-away: the last flags stay while it is dead and for whom it lets in no more, and news are heard when it is back', async () => {
    const { secret } = await unleash.admin<{ secret: string }>('POST', '/api-tokens', {
      tokenName: 'for a while',
      type: 'backend',
      environment: 'development',
      projects: ['*'],
    });
    await open(secret);
    await isGood();
    const outcast = bench;
    await open();
    await isGood();
    // The server believes in a token that is gone for up to a minute, or until it starts anew.
    await unleash.admin('DELETE', `/api-tokens/${encodeURIComponent(secret)}`);
    await unleash.kill();
    await becomes('stale');
    await isGood();
    await unleash.start();
    await setFlag('ai-engine', [rollout(100, { constraints: [constrain('IN', ['globex'])] })]);
    await waitUntil(() => ask('globex' as TenantName).side === 'new', 10_000);
    expect([states().at(-1), ask('acme' as TenantName).side]).toEqual(['ready', 'legacy']);
    await bench.close();

    bench = outcast;
    const answer = await fetch(`${unleash.url}/client/features`, { headers: { authorization: secret } });
    expect(answer.status).toBe(401);
    await becomes('stale');
    await isGood();
  }, 60_000);
});
