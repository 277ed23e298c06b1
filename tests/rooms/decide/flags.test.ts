import { afterEach, describe, expect, test } from '@jest/globals';
import { Unleash } from 'unleash-client';
import type { FlagName } from '../../../src/vocabulary/index.ts';
import { type Bench, callerOf, listTenants, openBench, PLAIN } from './support.ts';

const DEMO_FLAGS = ['login-new', 'ai-engine', 'chat-new', 'files-new', 'dashboard-new'];
const TENANTS = listTenants(400);

const table = (flags: Readonly<Record<string, string>>) => `
version: 1
flags:
${Object.entries(flags)
  .map(([name, flag]) => `  ${name}: ${flag}`)
  .join('\n')}
features:
  ai: { flag: ai-engine, tables: [ai_job] }
routes:
  - { id: ai.a, match: { method: GET, path: /a/ }, feature: ai, stage: canary, handle: ai/jobs }
  - { id: ai.b, match: { method: POST, path: /b/ }, feature: ai, stage: canary, handle: ai/complete }
`;

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

async function open(flags: Readonly<Record<string, string>>): Promise<Bench> {
  await bench?.close();
  bench = await openBench(table({ 'ai-engine': '{}', ...flags }));
  return bench;
}

/** Who is on, as decisions say for one route. */
function listOn({ decide }: Bench, method = 'GET', path = '/a/'): readonly string[] {
  const snapshot = decide.pin();
  const match = decide.match(snapshot, method, path);
  return TENANTS.filter((tenant) => decide.decide(snapshot, match, callerOf(tenant), PLAIN).side === 'new');
}

test('25 % of the 400 demo tenants is 100, give or take 20, for every flag of the demo', async () => {
  const { decide } = await open(Object.fromEntries(DEMO_FLAGS.map((name) => [name, '{ percent: 25 }'])));
  const { readFlag } = decide.pin();
  for (const flag of DEMO_FLAGS) {
    const on = TENANTS.filter((tenant) => readFlag(flag as FlagName, tenant, undefined) === 'on');
    expect(on.length).toBeGreaterThanOrEqual(80);
    expect(on.length).toBeLessThanOrEqual(120);
  }
});

test('all routes of a feature have the same tenants on the new side', async () => {
  const opened = await open({ 'ai-engine': '{ percent: 25 }' });
  expect(listOn(opened, 'GET', '/a/')).toEqual(listOn(opened, 'POST', '/b/'));
});

test('a growing percentage never moves a tenant back, down to steps of 0.01', async () => {
  let before: readonly string[] = [];
  for (const percent of [0, 0.01, 0.5, 10, 10.01, 25, 33.33, 50, 99.99, 100]) {
    const on = listOn(await open({ 'ai-engine': `{ percent: ${percent} }` }));
    expect(before.filter((tenant) => !on.includes(tenant))).toEqual([]);
    before = on;
  }
  expect(before).toHaveLength(400);
});

test('0 % is nobody and 100 % is everybody', async () => {
  expect(listOn(await open({ 'ai-engine': '{ percent: 0 }' }))).toEqual([]);
  expect(listOn(await open({ 'ai-engine': '{ percent: 100 }' }))).toHaveLength(400);
});

test('a hundredth of a percent makes the difference for the tenant whose bucket lies there, and for nobody else', async () => {
  const { decide } = await open({ 'ai-engine': '{ percent: 0 }' });
  const bucket = decide.explain({ method: 'GET', path: '/a/', tenant: TENANTS[7] }).flag?.bucket;
  if (bucket === undefined) throw new Error('no bucket');
  const below = listOn(await open({ 'ai-engine': `{ percent: ${bucket.toFixed(2)} }` }));
  const above = listOn(await open({ 'ai-engine': `{ percent: ${(bucket + 0.01).toFixed(2)} }` }));
  expect(below).not.toContain(TENANTS[7]);
  expect(above.filter((tenant) => !below.includes(tenant))).toEqual([TENANTS[7]]);
});

test('whole percents choose the same tenants as a flexibleRollout of Unleash on tenantId, so that moving there moves nobody', async () => {
  const unleash = new Unleash({
    url: 'http://flags.invalid/',
    appName: 'test',
    refreshInterval: 0,
    disableMetrics: true,
    skipInstanceCountWarning: true,
    storageProvider: { get: async () => undefined, set: async () => undefined },
    bootstrap: {
      data: DEMO_FLAGS.flatMap((flag) =>
        [1, 25, 50, 99].map((percent) => ({
          name: `${flag}-${percent}`,
          enabled: true,
          strategies: [
            {
              name: 'flexibleRollout',
              parameters: { rollout: percent, stickiness: 'tenantId', groupId: flag },
              constraints: [],
            },
          ],
        })),
      ),
    },
  });
  await new Promise((resolve) => unleash.once('ready', resolve));
  for (const percent of [1, 25, 50, 99]) {
    const { decide } = await open(
      Object.fromEntries(DEMO_FLAGS.map((name) => [name, `{ percent: ${percent} }`])),
    );
    const { readFlag } = decide.pin();
    for (const flag of DEMO_FLAGS)
      for (const tenant of TENANTS)
        expect(readFlag(flag as FlagName, tenant, undefined) === 'on').toBe(
          unleash.isEnabled(`${flag}-${percent}`, { properties: { tenantId: tenant } }),
        );
  }
  unleash.destroy();
});

describe('the lists of a flag', () => {
  test('tenants are on whatever the percentage, except are off whatever the percentage', async () => {
    const few = listOn(await open({ 'ai-engine': '{ percent: 0, tenants: [acme, tenant-077] }' }));
    expect(few).toEqual(['acme', 'tenant-077']);
    const most = listOn(await open({ 'ai-engine': '{ percent: 100, except: [acme, tenant-077] }' }));
    expect(TENANTS.filter((tenant) => !most.includes(tenant))).toEqual(['acme', 'tenant-077']);
  });

  test('lists of 400 tenants are read in full', async () => {
    expect(listOn(await open({ 'ai-engine': `{ tenants: [${TENANTS.join(', ')}] }` }))).toHaveLength(400);
  });
});

test('names that mean something to JavaScript are tenants and flags like any other', async () => {
  const { decide } = await open({ constructor: '{ tenants: [valueof] }' });
  const { readFlag } = decide.pin();
  expect(readFlag('constructor' as FlagName, 'valueof' as never, undefined)).toBe('on');
  expect(readFlag('__proto__' as FlagName, 'acme' as never, undefined)).toBe('unknown');
  expect(readFlag('toString' as FlagName, 'acme' as never, undefined)).toBe('unknown');
  expect(bench?.defend.breakers().map(({ feature }) => feature)).not.toContain('constructor');
});

test('a decision costs a few microseconds at most', async () => {
  const { decide } = await open({ 'ai-engine': '{ percent: 25 }' });
  const callers = TENANTS.map((tenant) => callerOf(tenant));
  const rounds = 50;
  const run = () => {
    for (const caller of callers) {
      const snapshot = decide.pin();
      decide.decide(snapshot, decide.match(snapshot, 'GET', '/a/'), caller, PLAIN);
    }
  };
  run();
  const begun = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) run();
  const { user } = process.cpuUsage(begun);
  // About 1 µs; a machine under load may take a few times that. Evaluating the flag anew would take 5 to 10 µs.
  expect(user / (rounds * callers.length)).toBeLessThan(20);
});
