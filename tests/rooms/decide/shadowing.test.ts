import { afterEach, describe, expect, test } from '@jest/globals';
import type { Asking } from '../../../src/decide/index.ts';
import { type Caller, DEFAULT_MIRROR_RULES, STAGES, type Stage } from '../../../src/vocabulary/index.ts';
import { type Bench, callerOf, NOBODY, openBench, PLAIN } from './support.ts';

let bench: Bench;
afterEach(() => bench.close());

/** acme is on, everybody else is off. */
const table = (stage: Stage, mirror = '', ofAll = '') => `version: 1
defaults: { ${ofAll} }
flags: { ai-engine: { tenants: [acme] } }
features: { ai: { flag: ai-engine, tables: [ai_job] } }
routes:
  - id: ai.complete
    match: { method: [GET, POST, PUT, PATCH, DELETE, OPTIONS], path: "/api/ai/:id/" }
    feature: ai
    stage: ${stage}
    handle: ai/complete
${mirror === '' ? '' : `    mirror: ${mirror}\n`}`;

type Ask = Readonly<{ method?: string; caller?: Caller; asking?: Partial<Asking>; path?: string }>;

function ask({ method = 'GET', caller = callerOf('acme'), asking, path = '/api/ai/7/' }: Ask = {}) {
  const { decide } = bench;
  const snapshot = decide.pin();
  return decide.decide(snapshot, decide.match(snapshot, method, path), caller, { ...PLAIN, ...asking });
}

const SAFE = ['GET', 'HEAD', 'OPTIONS'];
const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE'];
const off = callerOf('globex');
const qa = callerOf('acme', ['qa']);

describe('at stage shadow', () => {
  test('the new side is asked afterwards, whatever the method, with the usual rules', async () => {
    bench = await openBench(table('shadow'));
    for (const method of [...SAFE, ...UNSAFE])
      expect(ask({ method })).toMatchObject({ side: 'legacy', shadow: 'new', mirror: DEFAULT_MIRROR_RULES });
  });

  test('a decision carries the rules of the table itself, not a copy, and the tables of the feature', async () => {
    bench = await openBench(table('shadow', '{ percent: 10, ignore: [/id] }'));
    const { mirror, tables } = ask();
    const row = bench.decide.pin().rows[0];
    expect(mirror).toMatchObject({ percent: 10, ignore: ['/id'] });
    expect([mirror === row?.mirror, tables === row?.tables]).toEqual([true, true]);
    expect([tables, Object.isFrozen(tables), Object.isFrozen(mirror)]).toEqual([['ai_job'], true, true]);
  });

  test('nobody is asked for a caller without a tenant, a forced side or a WebSocket', async () => {
    bench = await openBench(table('shadow', '{}'));
    for (const wish of [
      { caller: NOBODY },
      { caller: qa, asking: { wish: 'legacy' } },
      { caller: qa, asking: { wish: 'new' } },
      { asking: { upgrade: true } },
    ] as const)
      expect(ask(wish)).toMatchObject({ shadow: undefined, mirror: undefined });
  });

  test('a wish of somebody who may have none changes nothing', async () => {
    bench = await openBench(table('shadow'));
    expect(ask({ asking: { wish: 'new' } })).toMatchObject({ side: 'legacy', shadow: 'new' });
  });
});

describe.each(['canary', 'new'] as const)('at stage %s, when the new side answers', (stage) => {
  test.each([
    ['a mirror of its own', '{ percent: 5 }', ''],
    ['an empty mirror of its own', '{}', ''],
    ['a mirror for all routes', '', 'mirror: { percent: 5 }'],
  ])('legacy is asked afterwards for safe methods of a route with %s', async (_what, own, ofAll) => {
    bench = await openBench(table(stage, own, ofAll));
    for (const method of SAFE)
      expect(ask({ method })).toMatchObject({
        side: 'new',
        shadow: 'legacy',
        mirror: bench.decide.pin().rows[0]?.mirror,
      });
    for (const method of UNSAFE)
      expect(ask({ method })).toMatchObject({ side: 'new', shadow: undefined, mirror: undefined });
  });

  test('legacy is not asked where nobody wished it', async () => {
    bench = await openBench(table(stage));
    expect(ask()).toMatchObject({ side: 'new', shadow: undefined, mirror: undefined, tables: ['ai_job'] });
  });

  test('legacy is not asked for a forced side or a WebSocket', async () => {
    bench = await openBench(table(stage, '{}'));
    expect(ask({ caller: qa, asking: { wish: 'new' } })).toMatchObject({ side: 'new', shadow: undefined });
    expect(ask({ caller: qa, asking: { wish: 'legacy' } })).toMatchObject({
      side: 'legacy',
      shadow: undefined,
    });
    expect(ask({ asking: { upgrade: true } })).toMatchObject({ side: 'new', shadow: undefined });
  });

  test('nobody is asked when legacy answers after all: without a tenant, with the flag off, while the new side rests', async () => {
    bench = await openBench(table(stage, '{}'));
    expect(ask({ caller: NOBODY })).toMatchObject({ side: 'legacy', shadow: undefined });
    if (stage === 'canary') expect(ask({ caller: off })).toMatchObject({ side: 'legacy', shadow: undefined });
    const feature = bench.decide.pin().features[0]?.name;
    if (!feature) throw new Error('no feature');
    await bench.end(feature, 'failed', 5);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(ask()).toMatchObject({ side: 'legacy', reason: 'breaker_open', shadow: undefined });
  });
});

describe('nobody is asked', () => {
  test.each(STAGES)('at stage %s with a percentage of 0', async (stage) => {
    bench = await openBench(table(stage, '{ percent: 0 }'));
    expect(ask()).toMatchObject({ shadow: undefined, mirror: undefined });
    expect(
      bench.decide.explain({ method: 'GET', path: '/api/ai/7/', tenant: callerOf('acme').tenant }).shadow,
    ).toBe(undefined);
  });

  test.each(['legacy', 'retired'] as const)('at stage %s, whatever mirror says', async (stage) => {
    bench = await openBench(table(stage, '{}', 'mirror: { percent: 100 }'));
    expect(ask()).toMatchObject({ shadow: undefined, mirror: undefined });
  });

  test('for what the table does not list, and such a request has no tables', async () => {
    bench = await openBench(table('shadow', '', 'mirror: {}'));
    expect(ask({ path: '/else/' })).toMatchObject({ shadow: undefined, mirror: undefined, tables: [] });
  });

  test('for a tenant that the new side does not know', async () => {
    bench = await openBench(table('shadow', '{}'), { isTenant: (name) => name === 'acme' });
    expect([ask().shadow, ask({ caller: off }).shadow]).toEqual(['new', undefined]);
  });
});

describe('an explanation says whether the other side is asked afterwards', () => {
  const { tenant } = callerOf('acme');
  const why = (method: string, more: Parameters<Bench['decide']['explain']>[0] | object = { tenant }) =>
    bench.decide.explain({ method, path: '/api/ai/7/', ...more }).why;

  test('at stage shadow', async () => {
    bench = await openBench(table('shadow'));
    expect(why('POST')).toBe(
      'The route is at stage shadow, so legacy answers. The new side is asked afterwards.',
    );
    expect(why('GET', {})).toBe(
      'The route is at stage shadow, so legacy answers. The new side is not asked afterwards: the request names no tenant that it knows.',
    );
    expect(why('GET', { tenant, upgrade: true })).toBe(
      'The route is at stage shadow, so legacy answers. The new side is not asked afterwards: this is a WebSocket.',
    );
    expect(why('GET', { tenant, wish: 'new' })).toBe('A caller with scope qa has forced this side.');
  });

  test('with a percentage', async () => {
    bench = await openBench(table('shadow', '{ percent: 2.5 }'));
    expect(why('GET')).toMatch(/ The new side is asked afterwards, for 2\.5 % of the requests\.$/);
    await bench.close();
    bench = await openBench(table('shadow', '{ percent: 0 }'));
    expect(why('GET')).toMatch(/ The new side is not asked afterwards: mirror\.percent is 0\.$/);
  });

  test('when the new side answers', async () => {
    bench = await openBench(table('new', '{}'));
    expect(why('GET')).toBe(
      'The route is at stage new, so the new side answers every tenant. Legacy is asked afterwards.',
    );
    expect(why('DELETE')).toMatch(
      / Legacy is not asked afterwards: only GET, HEAD and OPTIONS may be asked twice\.$/,
    );
    await bench.close();
    bench = await openBench(table('canary'));
    expect(why('GET')).toBe('Flag ai-engine is on for acme: it stands in tenants. So the new side answers.');
  });

  test('and by what rules', async () => {
    bench = await openBench(table('new', '{ ignore: [/id] }'));
    const explain = (method: string) => bench.decide.explain({ method, path: '/api/ai/7/', tenant });
    expect(explain('GET').mirror).toEqual({ ...DEFAULT_MIRROR_RULES, ignore: ['/id'] });
    expect(explain('POST').mirror).toBeUndefined();
  });
});
