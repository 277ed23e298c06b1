import { expect, test } from '@jest/globals';
import { openDriftWatch } from '../../../src/move/drift-watch.ts';
import type { DriftFinding, DriftKind } from '../../../src/move/index.ts';
import { EQUAL_NAMES, type FeatureName, type TenantId } from '../../../src/vocabulary/index.ts';

const [ACME, GLOBEX] = [1 as TenantId, 2 as TenantId];
const FEATURES = { ai: ['ai_job'] };

const find = (kind: DriftKind, weight: DriftFinding['weight'] = 'stops'): DriftFinding => ({
  kind,
  weight,
  tenant: { id: ACME, name: 'acme' },
  schema: 'acme',
  place: 'ai_job.colour',
  sentence: 'Do this.',
});

/** A clock, and what the catalogs show now. */
function openWatch() {
  const world = { nowMs: 0, readings: 0, findings: [] as readonly DriftFinding[], features: FEATURES };
  const watch = openDriftWatch({
    legacyUrl: '',
    storeUrl: '',
    moves: async () =>
      Object.entries(world.features).map(([feature, tables]) => ({
        feature: feature as FeatureName,
        tables,
        state: 'moving' as const,
      })),
    mapping: () => EQUAL_NAMES,
    nowMs: () => world.nowMs,
    read: async () => {
      world.readings += 1;
      return { tenants: 2, tables: 2, mapping: [], findings: world.findings };
    },
  });
  const judge = (
    tenant: TenantId,
    order: 'hand_over' | 'hand_back' = 'hand_over',
    apart?: readonly string[],
  ) => watch.judge({ tenant, order, tables: ['ai_job'] }, apart);
  return { world, judge };
}

test('hundreds of hand-overs, also at once, go by one reading of all catalogs', async () => {
  const { world, judge } = openWatch();
  await Promise.all(Array.from({ length: 400 }, () => judge(GLOBEX)));
  world.nowMs = 299_000;
  await judge(GLOBEX);
  expect(world.readings).toBe(1);
  world.nowMs = 301_000;
  await judge(GLOBEX);
  expect(world.readings).toBe(2);
});

test('row-120-drift: a tenant that is stopped is told so, and looked at again as soon as it may have been mended; others go on by the old reading', async () => {
  const { world, judge } = openWatch();
  world.findings = [find('column_extra')];
  expect(await judge(ACME)).toEqual({ hinders: ['acme ai_job.colour: Do this.'], noted: [] });
  expect(await judge(GLOBEX)).toEqual({ hinders: [], noted: [] });
  expect(world.readings).toBe(1);
  world.findings = [];
  world.nowMs = 6_000;
  expect(await judge(GLOBEX)).toEqual({ hinders: [], noted: [] });
  expect(world.readings).toBe(1);
  expect(await judge(ACME)).toEqual({ hinders: [], noted: [] });
  expect(world.readings).toBe(2);
});

test('a column that has just been seen on one side only, and that the reading does not know, is looked for at once', async () => {
  const { world, judge } = openWatch();
  await judge(ACME);
  world.findings = [find('column_extra')];
  expect((await judge(ACME)).hinders).toEqual([]);
  expect((await judge(ACME, 'hand_over', ['ai_job.colour'])).hinders).toHaveLength(1);
  world.findings = [find('column_left_out', 'noted')];
  world.nowMs = 60_000;
  expect((await judge(ACME, 'hand_over', ['ai_job.colour'])).hinders).toEqual([]);
  const { readings } = world;
  await judge(ACME, 'hand_over', ['ai_job.colour']);
  expect(world.readings).toBe(readings);
});

test('tables of a move that has just begun are read at once', async () => {
  const { world, judge } = openWatch();
  await judge(ACME);
  world.features = { ai: ['ai_job', 'ai_model'] };
  await judge(ACME);
  expect(world.readings).toBe(2);
});

test.each([
  ['column_missing', 'hinders'],
  ['table_missing', 'hinders'],
  ['schema_missing', 'hinders'],
  ['column_extra', 'noted'],
  ['half_migrated', 'noted'],
  ['other_rule', 'noted'],
] as const)(
  'on the way back %s %s: only what would lose rows or values keeps a tenant',
  async (kind, how) => {
    const { world, judge } = openWatch();
    world.findings = [find(kind)];
    const drift = await judge(ACME, 'hand_back');
    expect([drift.hinders.length, drift.noted.length]).toEqual(how === 'hinders' ? [1, 0] : [0, 1]);
    expect((await judge(ACME, 'hand_over')).hinders).toHaveLength(1);
  },
);
