import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { FeatureName, RouteId } from '../../../src/vocabulary/index.ts';
import { type AdminHouse, type Asked, openAdminHouse, TABLE } from './admin-house.ts';
import { changeOwner } from './moves.ts';

let house: AdminHouse;
beforeEach(async () => {
  house = await openAdminHouse();
});
afterEach(() => house.close());

const look = async () => (await house.ask('/api/left')).json;
const of = async (name: string) =>
  (await look()).features.find(({ feature }: Asked['json']) => feature === name);
const ALL_NEW = TABLE.replaceAll('stage: legacy', 'stage: new');

test('at the beginning everything is left, and the first step is to compare', async () => {
  const { left, features, unlisted } = await look();
  expect([left, unlisted]).toEqual([true, 0]);
  expect(features.map(({ feature }: Asked['json']) => feature)).toEqual(['ai', 'chat', 'files']);
  expect(features[0]).toEqual({
    feature: 'ai',
    left: true,
    routes: { legacy: 2, shadow: 0, canary: 0, new: 0, retired: 0 },
    tenants: { all: 3, answered: 0 },
    rows: { tables: ['ai_job'], move: null, owned: 0 },
    requests: { legacy: 0, new: 0 },
    next: 'Compare first: banyan flip ai shadow --reason "…"',
  });
});

test('the next step follows what is there already', async () => {
  await house.writeTable(TABLE.replaceAll('stage: legacy', 'stage: shadow'));
  expect((await of('ai')).next).toBe('Its rows are not moved yet: banyan move start ai');
  await house.store.moves.begin('ai' as FeatureName, ['ai_job']);
  expect((await of('ai')).next).toBe(
    'Read banyan diffs, then: banyan flip ai canary --tenant T --reason "…"',
  );
  // Files have no flag that a canary could ask.
  const canary = TABLE.replaceAll(/(feature: (?:ai|chat)\n\s+stage:) legacy/g, '$1 canary');
  await house.writeTable(canary.replace('percent: 0, tenants: []', 'percent: 0, tenants: [acme]'));
  const some = await of('ai');
  expect(some.tenants).toEqual({ all: 3, answered: 1 });
  expect(some.next).toBe('Let more tenants in: banyan flip ai canary --percent 100 --reason "…"');
  await house.writeTable(canary.replace('percent: 0', 'percent: 100'));
  expect((await of('ai')).next).toBe('Nobody asks legacy any more: banyan flip ai new --reason "…"');
  await house.writeTable(ALL_NEW);
  expect((await of('ai')).next).toBe('See what keeps the rows back: banyan move status ai');
  for (const tenant of [1, 2, 3]) await changeOwner(house, tenant as never, 'new');
  const all = await of('ai');
  expect(all.rows).toEqual({ tables: ['ai_job'], move: 'moving', owned: 3 });
  expect(all.next).toBe('When nobody will want to go back: banyan move retire ai');
  await house.store.moves.change('ai' as FeatureName, 'retired');
  expect((await of('ai')).next).toBe('When its code is deleted: banyan flip ai retired --reason "…"');
  await house.writeTable(TABLE.replaceAll('stage: legacy', 'stage: retired'));
  expect(await of('ai')).toMatchObject({ left: false, next: 'Nothing is left.' });
  expect((await look()).left).toBe(true);
});

test('a route that is forced to legacy is left, whatever its stage', async () => {
  await house.writeTable(ALL_NEW.replace('ai: { flag: ai-engine,', 'ai: { flag: ai-engine, force: legacy,'));
  expect(await of('ai')).toMatchObject({ routes: { legacy: 2, new: 0 }, tenants: { answered: 0 } });
});

test('traffic is counted by route and side, and so is what no route lists', async () => {
  const finished = (routeId: string | undefined, side: 'legacy' | 'new') =>
    house.emit({
      type: 'request_finished',
      requestId: undefined,
      traceId: undefined,
      method: 'GET',
      routeId: routeId as RouteId | undefined,
      stage: 'canary',
      side,
      reason: 'canary',
      revision: undefined,
      tenant: undefined,
      user: undefined,
      by: undefined,
      outcome: 'answered',
      status: 200,
      failure: undefined,
      fellBack: false,
      durationMs: 1,
      overheadMs: 1,
    } as never);
  for (const side of ['legacy', 'legacy', 'new'] as const) finished('ai.jobs', side);
  finished('ai.complete', 'new');
  finished(undefined, 'legacy');
  expect((await of('ai')).requests).toEqual({ legacy: 2, new: 2 });
  expect((await look()).unlisted).toBe(1);
});

test('banyan left shows it as a table, and as JSON', async () => {
  const { code, out } = await house.banyan('left');
  expect(code).toBe(0);
  expect(out.split('\n')[0]).toMatch(
    /^ai\s+2 legacy\s+0 of 3\s+not moved\s+0\s+0\s+Compare first: banyan flip ai shadow/,
  );
  expect(JSON.parse((await house.banyan('left', '--json')).out)).toEqual(await look());
});
