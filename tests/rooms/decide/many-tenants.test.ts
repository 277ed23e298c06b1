import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Unleash } from 'unleash-client';
import { openEvaluator } from '../../../src/decide/flag-evaluator.ts';
import { listTenantFlags } from '../../../src/decide/flag-scope.ts';
import { TenantReadings } from '../../../src/decide/tenant-readings.ts';
import type { FlagName, TenantName, UserId } from '../../../src/vocabulary/index.ts';
import {
  type FlagServer,
  flag,
  onFor,
  openFlagServer,
  refuse,
  rollout,
  tell,
} from '../../support/flag-server.ts';
import { type Bench, callerOf, openBench, PLAIN, waitUntil } from './support.ts';

const TENANTS = Array.from({ length: 4_000 }, (_, n) => `t-${n}` as TenantName);
const TABLE = `version: 1
features:
  ai: { flag: ai-engine }
routes:
  - { id: ai.jobs, match: { method: GET, path: /api/ai/jobs/ }, feature: ai, stage: canary, handle: ai/jobs }
`;

type Rule = Readonly<{ operator: string; values: readonly string[]; inverted?: boolean }>;
const ruled = (...rules: readonly Rule[]) =>
  flag('long', {
    name: 'default',
    parameters: {},
    constraints: rules.map((rule) => ({ contextName: 'tenantId', inverted: false, ...rule })),
  });

describe('a list of thousands says what the library says of it', () => {
  const rules: readonly (readonly [string, readonly Rule[]])[] = [
    ['of some', [{ operator: 'IN', values: TENANTS.filter((_, n) => n % 3 === 0) }]],
    ['of all but some', [{ operator: 'NOT_IN', values: TENANTS.filter((_, n) => n % 3 === 0) }]],
    ['turned around', [{ operator: 'IN', values: TENANTS.filter((_, n) => n % 3 === 0), inverted: true }]],
    [
      'with blanks and nothing in it',
      [{ operator: 'IN', values: TENANTS.map((name) => ` ${name} `).concat('', ' ') }],
    ],
    [
      'twice',
      [
        { operator: 'IN', values: TENANTS.filter((_, n) => n % 2 === 0) },
        { operator: 'NOT_IN', values: TENANTS.filter((_, n) => n % 3 === 0) },
      ],
    ],
  ];
  const asked = [...TENANTS.filter((_, n) => n % 7 === 0), ' t-3', 't-3 ', '', 'T-3', 'nobody'];

  test.each(rules)('%s', async (_, some) => {
    const library = await openLibrary(ruled(...some));
    const evaluate = openEvaluator({
      source: 'unleash',
      definitions: [ruled(...some)] as never,
      segments: [],
    });
    for (const tenant of asked) {
      const context = { properties: { tenantId: tenant } };
      expect([tenant, evaluate('long', context).isOn]).toEqual([tenant, library.isEnabled('long', context)]);
    }
    expect(evaluate('long', {}).isOn).toBe(library.isEnabled('long', {}));
    library.destroy();
  });
});

async function openLibrary(feature: object): Promise<Unleash> {
  const library = new Unleash({
    url: 'http://flags.invalid/',
    appName: 'test',
    refreshInterval: 0,
    disableMetrics: true,
    skipInstanceCountWarning: true,
    storageProvider: { get: async () => undefined, set: async () => undefined },
    bootstrap: { data: [feature as never] },
  });
  await new Promise((resolve) => library.once('ready', resolve));
  return library;
}

describe('flags of a server', () => {
  let server: FlagServer;
  let bench: Bench | undefined;
  beforeEach(async () => {
    server = await openFlagServer(refuse(503));
  });
  afterEach(async () => {
    await bench?.close();
    await server.close();
  });

  const read = async (strategies: readonly object[], rest: object = {}, segments: readonly object[] = []) => {
    server.answer(
      tell(
        [{ ...flag('ai-engine', ...(strategies as readonly Record<string, unknown>[])), ...rest }],
        segments,
      ),
    );
    const unleash = { url: server.url, token: 'x', appName: 'banyan', refreshMs: 10_000 };
    bench = await openBench(TABLE, { unleash });
    const { readFlag } = bench.decide.pin();
    return (tenant: string, user?: number) =>
      readFlag('ai-engine' as FlagName, tenant as TenantName, user as UserId | undefined);
  };

  test('a segment of 4,000 tenants holds exactly these', async () => {
    const segments = [{ id: 1, constraints: [{ contextName: 'tenantId', operator: 'IN', values: TENANTS }] }];
    const ask = await read(
      [{ name: 'default', parameters: {}, constraints: [], segments: [1] }],
      {},
      segments,
    );
    expect(TENANTS.filter((tenant) => ask(tenant) !== 'on')).toEqual([]);
    expect(ask('t-4000')).toBe('off');
  });

  test('one that looks at users is asked for each of them', async () => {
    const constraint = { contextName: 'userId', operator: 'IN', values: ['7'], inverted: false };
    const ask = await read([{ name: 'default', parameters: {}, constraints: [constraint] }]);
    expect([ask('acme', 6), ask('acme', 7), ask('acme', 8), ask('acme')]).toEqual([
      'off',
      'on',
      'off',
      'off',
    ]);
  });

  test('one whose rollout sticks to users divides the users of a tenant', async () => {
    const parameters = { rollout: '50', stickiness: 'default', groupId: 'x' };
    const ask = await read([{ name: 'flexibleRollout', parameters, constraints: [] }]);
    const seen = new Set(Array.from({ length: 50 }, (_, user) => ask('acme', user + 1)));
    expect(seen).toEqual(new Set(['on', 'off']));
  });

  test('one whose parent looks at users does so, too', async () => {
    const constraint = { contextName: 'userId', operator: 'IN', values: ['7'], inverted: false };
    const parent = flag('parent', { name: 'default', parameters: {}, constraints: [constraint] });
    const child = { ...flag('ai-engine', onFor('acme')), dependencies: [{ feature: 'parent' }] };
    server.answer(tell([parent, child]));
    bench = await openBench(TABLE, { unleash: { url: server.url, token: 'x', appName: 'banyan' } });
    const { readFlag } = bench.decide.pin();
    const ask = (user: number) => readFlag('ai-engine' as FlagName, 'acme' as TenantName, user as UserId);
    expect([ask(6), ask(7), ask(8)]).toEqual(['off', 'on', 'off']);
  });

  test('one of a rollout on tenants says the same for all users of a tenant', async () => {
    const ask = await read([rollout(50, 'x')]);
    for (const tenant of TENANTS.slice(0, 50))
      expect(new Set([1, 2, 3, undefined].map((user) => ask(tenant, user))).size).toBe(1);
  });

  test('a flag that changes on the server is another revision, of the same routes', async () => {
    server.answer(tell([flag('ai-engine', onFor('acme'))]));
    const unleash = { url: server.url, token: 'x', appName: 'banyan', refreshMs: 60 };
    bench = await openBench(TABLE, { unleash });
    const { decide } = bench;
    const before = decide.pin();
    const ask = (tenant: string) =>
      decide.pin().readFlag('ai-engine' as FlagName, tenant as TenantName, undefined);
    expect([ask('acme'), ask('globex')]).toEqual(['on', 'off']);
    server.answer(tell([flag('ai-engine', onFor('globex'))]));
    await waitUntil(() => decide.pin().revision !== before.revision, 2_000);
    expect(decide.pin().find).toBe(before.find);
    expect([ask('acme'), ask('globex')]).toEqual(['off', 'on']);
    // Who pinned the old one keeps what it said.
    expect(before.readFlag('ai-engine' as FlagName, 'acme' as TenantName, undefined)).toBe('on');
  });

  test('what is remembered of a flag gives way to the brake in the table at once, and is there again without it', async () => {
    server.answer(tell([flag('ai-engine', onFor('acme'))]));
    bench = await openBench(TABLE, {
      unleash: { url: server.url, token: 'x', appName: 'banyan', refreshMs: 10_000 },
    });
    expect(decideFor('acme')).toBe('flag_on');
    bench.write(TABLE.replace('{ flag: ai-engine }', '{ flag: ai-engine, force: legacy }'));
    await bench.decide.reload();
    expect(decideFor('acme')).toBe('forced_legacy');
    bench.write(TABLE);
    await bench.decide.reload();
    expect(decideFor('acme')).toBe('flag_on');
  });

  test('what is remembered of a flag of the file gives way to the next table', async () => {
    const table = (tenant: string) =>
      TABLE.replace('features:', `flags: { ai-engine: { tenants: [${tenant}] } }\nfeatures:`);
    bench = await openBench(table('acme'));
    expect([decideFor('acme'), decideFor('globex')]).toEqual(['flag_on', 'flag_off']);
    bench.write(table('globex'));
    await bench.decide.reload();
    expect([decideFor('acme'), decideFor('globex')]).toEqual(['flag_off', 'flag_on']);
  });

  function decideFor(tenant: string): string | undefined {
    if (bench === undefined) return undefined;
    const { decide } = bench;
    const table = decide.pin();
    return decide.decide(table, decide.match(table, 'GET', '/api/ai/jobs/'), callerOf(tenant), PLAIN).reason;
  }
});

describe('whether a flag looks at the tenant alone', () => {
  const now = { contextName: 'currentTime', operator: 'DATE_AFTER', value: '2026-01-01', values: [] };
  const dated = { contextName: 'tenantId', operator: 'DATE_BEFORE', value: '2026-01-01', values: [] };
  const user = { contextName: 'userId', operator: 'IN', values: ['7'] };
  const rules = (constraints: readonly object[], rest: object = {}) =>
    flag('a', { name: 'default', parameters: {}, constraints, ...rest });
  const variant = (stickiness: string | undefined, rest: object = {}) => ({
    name: 'new',
    weight: 1,
    stickiness,
    ...rest,
  });

  test.each([
    ['a list of tenants', flag('a', onFor('acme')), true],
    ['a rollout on tenants', flag('a', rollout(10, 'x')), true],
    ['both', flag('a', onFor('acme'), rollout(10, 'x')), true],
    ['no strategy at all', flag('a'), true],
    ['a segment of tenants', rules([], { segments: [1] }), true],
    ['variants that stick to tenants', { ...flag('a', onFor('b')), variants: [variant('tenantId')] }, true],
    [
      'variants of a rule, as sticky as it',
      flag('a', { ...rollout(10, 'x'), variants: [variant(undefined)] }),
      true,
    ],
    ['a list of users', rules([user]), false],
    ['a segment of users', rules([], { segments: [2] }), false],
    ['the time', rules([now]), false],
    ['the time, under another name', rules([dated]), false],
    [
      'a rollout on users',
      flag('a', { ...rollout(10, 'x'), parameters: { rollout: '10', groupId: 'x' } }),
      false,
    ],
    ['variants that stick to users', { ...flag('a', onFor('b')), variants: [variant('default')] }, false],
    [
      'variants for some users',
      {
        ...flag('a', onFor('b')),
        variants: [variant('tenantId', { overrides: [{ contextName: 'userId', values: ['7'] }] })],
      },
      false,
    ],
    ['a strategy that nobody knows', flag('a', { name: 'lunar', parameters: {}, constraints: [] }), false],
    [
      'an older strategy',
      flag('a', { name: 'userWithId', parameters: { userIds: '7' }, constraints: [] }),
      false,
    ],
    ['a parent that does', { ...flag('a', onFor('b')), dependencies: [{ feature: 'steady' }] }, true],
    ['a parent that does not', { ...flag('a', onFor('b')), dependencies: [{ feature: 'fickle' }] }, false],
    ['a parent that is not there', { ...flag('a', onFor('b')), dependencies: [{ feature: 'gone' }] }, false],
  ])('%s', (_, definition, isSo) => {
    const segments = [
      { id: 1, constraints: [{ contextName: 'tenantId', operator: 'IN', values: ['acme'] }] },
      { id: 2, constraints: [user] },
    ];
    const parents = [flag('steady', onFor('acme')), { ...rules([user]), name: 'fickle' }];
    const found = listTenantFlags([definition, ...parents] as never, segments as never);
    expect(found.has('a')).toBe(isSo);
  });
});

test('readings are kept, and what nobody asks for is forgotten before they are too many', () => {
  const readings = new TenantReadings();
  const [flagName, first] = ['a' as FlagName, 'first' as TenantName];
  readings.keep(flagName, first, 'on');
  for (let count = 0; count < 500_000; count += 1) {
    readings.keep(flagName, `t-${count}` as TenantName, 'off');
    if (count === 300_000) expect(readings.get(flagName, first)).toBe('on');
  }
  expect(readings.get(flagName, 't-499999' as TenantName)).toBe('off');
  expect(readings.get(flagName, 't-0' as TenantName)).toBeUndefined();
  expect(readings.get(flagName, first)).toBe('on');
});
