import { afterEach, describe, expect, test } from '@jest/globals';
import type { Caller, FeatureName, Outcome, Side } from '../../../src/vocabulary/index.ts';
import { bid } from '../../support/defend.ts';
import { type Bench, callerOf, NOBODY, openBench, PLAIN } from './support.ts';

let bench: Bench;
afterEach(() => bench.close());

const table = (route: string, flag = '{ percent: 0, tenants: [acme] }') => `
version: 1
flags: { ai-engine: ${flag} }
features:
  ai: { flag: ai-engine, tables: [ai_job] }
  plain: { flag: ai-engine }
routes:
  - id: ai.complete
    match: { method: [GET, POST], path: "/api/ai/:id/" }
    handle: ai/complete
${route}
`;

const STAGE = (stage: string, more = '', feature = 'ai') =>
  `    feature: ${feature}\n    stage: ${stage}\n${more}`;

type Ask = Readonly<{ method?: string; path?: string; caller?: Caller; wish?: Side }>;
function ask({ method = 'GET', path = '/api/ai/7/', caller = callerOf('acme'), wish }: Ask = {}) {
  const snapshot = bench.decide.pin();
  return bench.decide.decide(snapshot, bench.decide.match(snapshot, method, path), caller, {
    ...PLAIN,
    path,
    wish,
  });
}

describe('stages', () => {
  test('a path that is not listed is answered by legacy, for anybody, with the default timeout', async () => {
    bench = await openBench(table(STAGE('new')));
    expect(ask({ path: '/api/other/' })).toMatchObject({
      side: 'legacy',
      reason: 'unlisted',
      route: undefined,
      handler: undefined,
      timeoutMs: 30_000,
    });
    const snapshot = bench.decide.pin();
    expect(bench.decide.match(snapshot, 'GET', '/api/other/').admit).toBe('optional');
  });

  test('at stage legacy, legacy answers and nobody shadows', async () => {
    bench = await openBench(table(STAGE('legacy')));
    expect(ask()).toMatchObject({ side: 'legacy', shadow: undefined, reason: 'stage_legacy' });
  });

  test('at stage shadow, legacy answers and the new side is asked afterwards, for tenants only', async () => {
    bench = await openBench(table(STAGE('shadow')));
    expect(ask()).toMatchObject({ side: 'legacy', shadow: 'new', reason: 'stage_shadow' });
    expect(ask({ caller: NOBODY })).toMatchObject({
      side: 'legacy',
      shadow: undefined,
      reason: 'stage_shadow',
    });
  });

  test('at stage canary, the flag decides for each tenant', async () => {
    bench = await openBench(table(STAGE('canary')));
    expect(ask()).toMatchObject({
      side: 'new',
      reason: 'flag_on',
      flag: { name: 'ai-engine', on: true },
      handler: 'ai/complete',
      params: { id: '7' },
    });
    expect(ask({ caller: callerOf('globex') })).toMatchObject({
      side: 'legacy',
      reason: 'flag_off',
      flag: { name: 'ai-engine', on: false },
    });
  });

  test('a request without a tenant stays with legacy at stages canary and new', async () => {
    for (const stage of ['canary', 'new']) {
      bench = await openBench(table(STAGE(stage)));
      expect(ask({ caller: NOBODY })).toMatchObject({ side: 'legacy', reason: 'no_tenant' });
      await bench.close();
    }
  });

  test('an anonymous caller whose host names a tenant is decided for that tenant', async () => {
    bench = await openBench(table(STAGE('canary')));
    const { tenant } = callerOf('acme');
    expect(ask({ caller: { kind: 'anonymous', tenant } })).toMatchObject({ side: 'new', reason: 'flag_on' });
  });

  test('at stages new and retired, the new side answers whatever the flag says', async () => {
    bench = await openBench(table(STAGE('new'), '{ except: [acme] }'));
    expect(ask()).toMatchObject({ side: 'new', reason: 'stage_new', flag: undefined });
    await bench.close();
    bench = await openBench(table(STAGE('retired')));
    expect(ask({ caller: NOBODY })).toMatchObject({
      side: 'new',
      reason: 'stage_retired',
      ifNewFails: 'refuse',
    });
  });
});

describe('what happens if the new side fails', () => {
  test('reads fall back to legacy and everything else is refused, unless the table says otherwise', async () => {
    bench = await openBench(table(STAGE('new')));
    expect(ask().ifNewFails).toBe('legacy');
    expect(ask({ method: 'HEAD' }).ifNewFails).toBe('legacy');
    expect(ask({ method: 'POST' }).ifNewFails).toBe('refuse');
    await bench.close();
    bench = await openBench(table(STAGE('new', '    if_new_fails: legacy\n')));
    expect(ask({ method: 'POST' }).ifNewFails).toBe('legacy');
  });
});

describe('a forced side', () => {
  const qa = callerOf('globex', ['qa']);

  test('is granted to a caller with scope qa, at any stage, and nobody falls back from it', async () => {
    bench = await openBench(table(STAGE('legacy')));
    expect(ask({ caller: qa, wish: 'new' })).toMatchObject({
      side: 'new',
      reason: 'forced',
      ifNewFails: 'refuse',
    });
    expect(ask({ caller: qa, wish: 'legacy' })).toMatchObject({ side: 'legacy', reason: 'forced' });
  });

  test('is not granted to anybody else', async () => {
    bench = await openBench(table(STAGE('legacy')));
    expect(ask({ caller: callerOf('acme', ['qa2']), wish: 'new' }).reason).toBe('stage_legacy');
    expect(ask({ caller: NOBODY, wish: 'new' }).reason).toBe('stage_legacy');
  });

  test('cannot be legacy for a retired route, nor new for a route without a handler', async () => {
    bench = await openBench(table(STAGE('retired')));
    expect(ask({ caller: qa, wish: 'legacy' })).toMatchObject({ side: 'new', reason: 'stage_retired' });
    await bench.close();
    bench = await openBench('version: 1\nroutes:\n  - { id: a, match: { method: GET, path: /a/ } }\n');
    expect(ask({ path: '/a/', caller: qa, wish: 'new' })).toMatchObject({
      side: 'legacy',
      reason: 'stage_legacy',
    });
  });
});

describe('the snapshot', () => {
  test('is frozen to its depth, as is every decision', async () => {
    bench = await openBench(table(STAGE('canary')));
    const snapshot = bench.decide.pin();
    expect(
      Object.isFrozen(snapshot) && Object.isFrozen(snapshot.rows) && Object.isFrozen(snapshot.rows[0]),
    ).toBe(true);
    expect(
      Object.isFrozen(snapshot.rows[0]?.methods) && Object.isFrozen(snapshot.flagSet.definitions[0]),
    ).toBe(true);
    const decision = ask();
    expect(
      Object.isFrozen(decision) && Object.isFrozen(decision.params) && Object.isFrozen(decision.flag),
    ).toBe(true);
  });

  test('has a revision of 12 hex digits that changes with a flag and comes back with it', async () => {
    bench = await openBench(table(STAGE('canary'), '{ percent: 1 }'));
    const first = bench.decide.pin().revision;
    bench.write(table(STAGE('canary'), '{ percent: 2 }'));
    await bench.decide.reload();
    const second = bench.decide.pin().revision;
    bench.write(table(STAGE('canary'), '{ percent: 1 }'));
    await bench.decide.reload();
    expect(first).toMatch(/^[0-9a-f]{12}$/);
    expect(second).not.toBe(first);
    expect(bench.decide.pin().revision).toBe(first);
  });

  test('that a request has pinned decides by its own flags after the table was swapped', async () => {
    bench = await openBench(table(STAGE('canary')));
    const pinned = bench.decide.pin();
    const match = bench.decide.match(pinned, 'GET', '/api/ai/7/');
    bench.write(table(STAGE('legacy'), '{ except: [acme] }'));
    await bench.decide.reload();
    const decision = bench.decide.decide(pinned, match, callerOf('acme'), PLAIN);
    expect(decision).toMatchObject({ side: 'new', reason: 'flag_on', revision: pinned.revision });
    expect(ask()).toMatchObject({ side: 'legacy', reason: 'stage_legacy' });
  });
});

describe('an open breaker', () => {
  async function open(route: string) {
    bench = await openBench(table(route), { restMs: 60_000 });
    const feature = bench.decide.pin().features.find(({ name }) => route.includes(`feature: ${name}`))?.name;
    if (!feature) throw new Error('no feature');
    await bench.end(feature, 'failed', 5);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(bench.defend.newSide.state(feature)).toBe('open');
    expect(bench.events).toContainEqual({
      type: 'breaker_changed',
      feature,
      side: 'new',
      state: 'open',
    });
  }

  test('sends a canary tenant back to legacy, whatever the method', async () => {
    await open(STAGE('canary'));
    expect(ask()).toMatchObject({ side: 'legacy', reason: 'breaker_open', flag: { on: true } });
    expect(ask({ method: 'POST' })).toMatchObject({ side: 'legacy', reason: 'breaker_open' });
  });

  test('at stage new sends reads to legacy, but refuses writes to tables that legacy no longer owns', async () => {
    await open(STAGE('new'));
    expect(ask()).toMatchObject({ side: 'legacy', reason: 'breaker_open' });
    expect(ask({ method: 'POST' })).toMatchObject({
      side: 'new',
      reason: 'breaker_open',
      ifNewFails: 'refuse',
    });
  });

  test('at stage new sends writes to legacy where the feature has no tables or the table allows it', async () => {
    await open(STAGE('new', '', 'plain'));
    expect(ask({ method: 'POST' })).toMatchObject({ side: 'legacy', reason: 'breaker_open' });
    await bench.close();
    await open(STAGE('new', '    if_new_fails: legacy\n'));
    expect(ask({ method: 'POST' })).toMatchObject({ side: 'legacy', reason: 'breaker_open' });
  });

  test('never sends a retired route to legacy, nor one that says refuse', async () => {
    await open(STAGE('retired'));
    expect(ask()).toMatchObject({ side: 'new', reason: 'breaker_open' });
    await bench.close();
    await open(STAGE('canary', '    if_new_fails: refuse\n'));
    expect(ask()).toMatchObject({ side: 'new', reason: 'breaker_open' });
  });

  test('does not keep a tester from forcing the new side', async () => {
    await open(STAGE('new'));
    expect(ask({ caller: callerOf('acme', ['qa']), wish: 'new' })).toMatchObject({
      side: 'new',
      reason: 'forced',
    });
  });

  test('stays open over a reload of the table', async () => {
    await open(STAGE('new'));
    bench.write(table(STAGE('new', '    timeout_ms: 5\n')));
    await bench.decide.reload();
    expect(ask()).toMatchObject({ reason: 'breaker_open', timeoutMs: 5 });
  });
});

describe('a breaker after its rest', () => {
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  const failFive = async () => {
    const feature = bench.decide.pin().features[0]?.name;
    if (!feature) throw new Error('no feature');
    await bench.end(feature, 'failed', 5);
    await settle();
    return feature;
  };
  const rest = () => new Promise((resolve) => setTimeout(resolve, 60));

  /** A request on the new side of which nothing has been heard yet. */
  const begin = (feature: FeatureName) => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    void bench.defend.guard({ ...bid(feature), asked: 'by_table' }, () => promise);
    return resolve;
  };

  test('lets one request through, and closes when that one is answered', async () => {
    bench = await openBench(table(STAGE('new')), { restMs: 50 });
    const feature = await failFive();
    expect(ask().reason).toBe('breaker_open');
    await rest();
    expect([ask().reason, ask().reason]).toEqual(['stage_new', 'stage_new']);
    const answer = begin(feature);
    expect([ask().reason, ask().reason]).toEqual(['breaker_open', 'breaker_open']);
    expect(bench.defend.newSide.state(feature)).toBe('half_open');
    answer({ kind: 'answered', status: 200 });
    await settle();
    expect(bench.defend.newSide.state(feature)).toBe('closed');
    expect(ask().reason).toBe('stage_new');
  });

  test('rests again when that one fails', async () => {
    bench = await openBench(table(STAGE('new')), { restMs: 50 });
    const feature = await failFive();
    await rest();
    await bench.end(feature, 'failed');
    await settle();
    expect(bench.defend.newSide.state(feature)).toBe('open');
    expect(ask().reason).toBe('breaker_open');
  });

  test('is not locked by a request that is never heard of again', async () => {
    bench = await openBench(table(STAGE('new')), { restMs: 50 });
    const feature = await failFive();
    await rest();
    begin(feature);
    expect(ask().reason).toBe('breaker_open');
    await rest();
    expect(ask().reason).toBe('stage_new');
    const states = bench.events.flatMap((event) => (event.type === 'breaker_changed' ? [event.state] : []));
    expect(states).toEqual(['open', 'half_open']);
  });
});
