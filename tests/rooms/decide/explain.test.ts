import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { REASONS, STAGES, type TenantName, type UserId } from '../../../src/vocabulary/index.ts';
import { bid } from '../../support/defend.ts';
import { type Bench, callerOf, NOBODY, openBench, PLAIN } from './support.ts';

const DEMO = readFileSync('routes.config.yaml', 'utf8');
const acme = 'acme' as TenantName;
const globex = 'globex' as TenantName;

let bench: Bench;
afterEach(() => bench.close());

const canary = (flag: string) => `version: 1
flags: { ai-engine: ${flag} }
features: { ai: { flag: ai-engine, tables: [ai_job] } }
routes:
  - { id: ai.complete, match: { method: POST, path: /api/ai/completions/ }, feature: ai, stage: canary, handle: ai/complete }
  - { id: ai.jobs, match: { method: GET, path: /api/ai/jobs/ }, feature: ai, stage: new, handle: ai/jobs }
`;

describe('an explanation agrees with the decision', () => {
  test.each(
    STAGES.flatMap(
      (stage) =>
        [
          [stage, 'without'],
          [stage, 'with'],
        ] as const,
    ),
  )(
    'for every demo route and tenant, with a user and without one, at stage %s, %s a mirror for all',
    async (stage, mirror) => {
      const demo = mirror === 'with' ? DEMO.replace('defaults: {', 'defaults: { mirror: {},') : DEMO;
      const text = demo
        .replaceAll('stage: legacy\n', `stage: ${stage}\n`)
        .replaceAll(
          '{ percent: 0, tenants: [], except: [] }',
          '{ percent: 30, tenants: [acme], except: [globex] }',
        );
      bench = await openBench(text);
      const { decide } = bench;
      const snapshot = decide.pin();
      expect(snapshot.rows.length).toBe(15);
      for (const row of snapshot.rows)
        for (const tenant of ['acme', 'globex', 'initech', 'umbrella', undefined] as (
          | TenantName
          | undefined
        )[]) {
          const path = row.path.replace(/:[a-z]+/g, '7');
          const method = row.methods[0] ?? 'GET';
          const caller = tenant === undefined ? NOBODY : callerOf(tenant);
          const decision = decide.decide(snapshot, decide.match(snapshot, method, path), caller, PLAIN);
          const explanation = decide.explain({ method, path, tenant, user: tenant && (1 as UserId) });
          const {
            side,
            shadow,
            mirror: rules,
            reason,
            route,
            feature,
            handler,
            revision,
            timeoutMs,
            ifNewFails,
          } = decision;
          expect(explanation).toMatchObject({
            side,
            shadow,
            mirror: rules,
            reason,
            route,
            feature,
            handler,
            revision,
            timeoutMs,
            ifNewFails,
          });
          expect(explanation.route).toBe(row.id);
          expect(rules !== undefined).toBe(shadow !== undefined);
          if (decision.flag) expect(explanation.flag).toMatchObject({ ...decision.flag, isAsked: true });
          expect(explanation.why.length).toBeGreaterThan(20);
        }
    },
  );

  test('also while a breaker rests, without spending its probe', async () => {
    bench = await openBench(canary('{ tenants: [acme] }'), { restMs: 40 });
    const { decide } = bench;
    const question = { method: 'POST', path: '/api/ai/completions/', tenant: acme };
    const feature = decide.pin().features[0]?.name;
    if (!feature) throw new Error('no feature');
    await bench.end(feature, 'failed', 5);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(decide.explain(question)).toMatchObject({
      side: 'legacy',
      reason: 'breaker_open',
      breaker: 'open',
    });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(decide.explain(question)).toMatchObject({ side: 'new', reason: 'flag_on', breaker: 'open' });
    expect(decide.explain(question)).toMatchObject({ side: 'new', reason: 'flag_on' });
    void bench.defend.guard({ ...bid(feature), asked: 'by_table' }, () => new Promise(() => undefined));
    expect(decide.explain(question)).toMatchObject({ reason: 'breaker_open', breaker: 'half_open' });
  });
});

describe('an explanation says why, and what would change it', () => {
  const explain = (tenant: TenantName | undefined, path = '/api/ai/completions/', method = 'POST') =>
    bench.decide.explain({ method, path, tenant });

  test('for a tenant on the list', async () => {
    bench = await openBench(canary('{ percent: 0, tenants: [acme] }'));
    const { flag, why, wouldChange } = explain(acme);
    expect(flag).toMatchObject({ rule: 'list', on: true, percent: 0 });
    expect(why).toBe('Flag ai-engine is on for acme: it stands in tenants. So the new side answers.');
    expect(wouldChange[0]).toMatch(
      /^Taking acme out of tenants: the flag would be off, as the bucket \d+\.\d\d is not below 0 %\.$/,
    );
  });

  test('for an excepted tenant', async () => {
    bench = await openBench(canary('{ percent: 100, except: [globex] }'));
    const { flag, why, wouldChange } = explain(globex);
    expect(flag).toMatchObject({ rule: 'except', on: false });
    expect(why).toBe('Flag ai-engine is off for globex: it stands in except. So legacy answers.');
    expect(wouldChange[0]).toMatch(/^Taking globex out of except: the flag would be on/);
  });

  test('for a tenant within or beyond the percentage, and the advice holds', async () => {
    bench = await openBench(canary('{ percent: 0 }'));
    const { flag, wouldChange } = explain(acme);
    expect(flag).toMatchObject({ rule: 'percent', on: false });
    const bucket = flag?.bucket ?? -1;
    expect(bucket).toBeGreaterThanOrEqual(0);
    expect(bucket).toBeLessThan(100);
    expect(wouldChange).toContain(`A percentage above ${bucket.toFixed(2)}.`);
    bench.write(canary(`{ percent: ${(bucket + 0.01).toFixed(2)} }`));
    await bench.decide.reload();
    expect(explain(acme)).toMatchObject({ side: 'new', flag: { rule: 'percent', on: true } });
    expect(explain(acme).wouldChange).toContain(`A percentage of ${bucket.toFixed(2)} or less.`);
  });

  test('for a path that is not listed, with the routes that are near', async () => {
    bench = await openBench(canary('{}'));
    expect(explain(acme, '/api/ai/completions/', 'GET').wouldChange).toContain(
      'POST /api/ai/completions/ is route ai.complete.',
    );
    expect(explain(acme, '/api/ai/completions?stream=1').wouldChange).toContain(
      'POST /api/ai/completions/ is route ai.complete: the trailing slash is part of the path.',
    );
    expect(explain(acme, '/else/').why).toBe('The table lists no route for POST /else/, so legacy answers.');
  });

  test('for a route at stage new, the flag is told but not asked', async () => {
    bench = await openBench(canary('{ tenants: [acme] }'));
    expect(explain(acme, '/api/ai/jobs/', 'get')).toMatchObject({
      reason: 'stage_new',
      flag: { isAsked: false, on: true },
    });
  });

  test('for a forced side', async () => {
    bench = await openBench(canary('{}'));
    const answer = bench.decide.explain({
      method: 'POST',
      path: '/api/ai/completions/',
      tenant: acme,
      wish: 'new',
    });
    expect(answer).toMatchObject({ side: 'new', reason: 'forced' });
  });
});

test('every reason of the vocabulary can come about', async () => {
  const seen = new Set<string>();
  const note = (question: Parameters<Bench['decide']['explain']>[0]) =>
    seen.add(bench.decide.explain(question).reason);
  for (const stage of STAGES) {
    bench = await openBench(canary('{ tenants: [acme] }').replace('stage: canary', `stage: ${stage}`));
    for (const tenant of [acme, globex, undefined])
      note({ method: 'POST', path: '/api/ai/completions/', tenant });
    note({ method: 'POST', path: '/else/' });
    note({ method: 'POST', path: '/api/ai/completions/', tenant: acme, wish: 'new' });
    await bench.close();
  }
  bench = await openBench(canary('{ tenants: [acme] }'));
  const feature = bench.decide.pin().features[0]?.name;
  if (feature) await bench.end(feature, 'failed', 5);
  await new Promise((resolve) => setTimeout(resolve, 5));
  note({ method: 'POST', path: '/api/ai/completions/', tenant: acme });
  bench.write(canary('{}').replace('ai: { flag', 'ai: { force: legacy, flag'));
  await bench.decide.reload();
  note({ method: 'POST', path: '/api/ai/completions/', tenant: acme });
  // Only a flag service can be silent or name a variant (unleash-flags.test.ts), and only moved rows have an owner (owner.test.ts).
  expect([...seen, 'flag_shadow', 'flag_unknown', 'owner'].sort()).toEqual([...REASONS].sort());
});
