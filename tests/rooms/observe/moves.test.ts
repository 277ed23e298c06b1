import { beforeEach, describe, expect, test } from '@jest/globals';
import { createObserve, type Observe } from '../../../src/observe/index.ts';
import type { BanyanEvent, FeatureName, TenantId } from '../../../src/vocabulary/index.ts';

let lines: string[] = [];
let observe: Observe;

beforeEach(() => {
  lines = [];
  observe = createObserve({
    level: 'info',
    sink: { write: (line) => void lines.push(line), dropped: () => 0 },
  });
});

const feature = 'ai' as FeatureName;
type Ended = Extract<BanyanEvent, { type: 'owner_changed' }>;
const ended = (more: Partial<Ended> = {}) =>
  observe.emit({
    type: 'owner_changed',
    tenant: 7 as TenantId,
    feature,
    order: 'hand_over',
    ended: 'done',
    detail: '12 rows, equal on both sides',
    heldMs: 84.5,
    rows: 12,
    ...more,
  } as Ended);
const counted = (more: object = {}) =>
  observe.emit({
    type: 'move_counted',
    feature,
    owners: { legacy: 388, new: 12 },
    lines: 37,
    oldestMs: 1_204,
    strangers: 14,
    proofs: { equal: 397, different: 1, failed: 0, never: 2 },
    oldestProofMs: 3_480_000,
    ...more,
  });

/** The value of each series of a family, by its labels as they are printed; '' without any. */
async function readFamily(name: string): Promise<Readonly<Record<string, number>>> {
  const text = await observe.metrics();
  const series = [...text.matchAll(new RegExp(`^banyan_${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'))];
  return Object.fromEntries(series.map(([, labels = '', value]) => [labels, Number(value)]));
}

const readLines = () => lines.map((line) => JSON.parse(line) as { level: string; event: string });

describe('the metrics of moves', () => {
  test('tell who owns how many tenants, and what waits', async () => {
    counted();
    expect(await readFamily('move_tenants')).toEqual({
      'feature="ai",owner="legacy"': 388,
      'feature="ai",owner="new"': 12,
    });
    expect(await readFamily('move_lines_waiting')).toEqual({ 'feature="ai"': 37 });
    expect(await readFamily('move_lag_seconds')).toEqual({ 'feature="ai"': 1.204 });
    expect(await readFamily('move_strangers')).toEqual({ 'feature="ai"': 14 });
    expect(await readFamily('move_proofs')).toEqual({
      'feature="ai",state="equal"': 397,
      'feature="ai",state="different"': 1,
      'feature="ai",state="failed"': 0,
      'feature="ai",state="never"': 2,
    });
    expect(await readFamily('move_oldest_proof_seconds')).toEqual({ 'feature="ai"': 3_480 });
    expect(lines).toEqual([]);
  });

  test('begin at zero for each order and end of a feature that is moved', async () => {
    counted();
    const orders = await readFamily('move_orders_total');
    expect([Object.keys(orders).length, new Set(Object.values(orders))]).toEqual([12, new Set([0])]);
  });

  test('count ends and rows, and how long writes were held', async () => {
    ended();
    ended({ heldMs: 1_250 });
    ended({ ended: 'refused', heldMs: undefined, rows: undefined, detail: 'Not level.' });
    expect((await readFamily('move_orders_total'))['feature="ai",order="hand_over",ended="done"']).toBe(2);
    expect((await readFamily('move_orders_total'))['feature="ai",order="hand_over",ended="refused"']).toBe(1);
    expect((await readFamily('move_rows_total'))['feature="ai",order="hand_over"']).toBe(24);
    const held = await readFamily('move_held_seconds_bucket');
    expect([held['le="0.1"'], held['le="1"'], held['le="2"']]).toEqual([1, 1, 2]);
    expect(readLines().map(({ level, event }) => [level, event])).toEqual([
      ['info', 'owner_changed'],
      ['info', 'owner_changed'],
      ['warn', 'owner_changed'],
    ]);
  });

  test('know no tenant', async () => {
    ended();
    counted();
    expect(await observe.metrics()).not.toMatch(/banyan_move\w*\{[^}]*tenant=/);
  });

  test('tell how many writes wait now', async () => {
    for (const count of [1, 2, 1]) observe.emit({ type: 'writes_waiting', count });
    expect(await readFamily('move_writes_waiting')).toEqual({ '': 1 });
    expect(lines).toEqual([]);
  });
});

describe('the mover', () => {
  test('is a part behind the scenes: it never makes the gateway unready', async () => {
    expect(observe.readiness().parts.mover).toEqual({ ready: true, detail: 'not needed so far' });
    observe.emit({ type: 'mover_changed', state: 'leading', detail: 'carries out what is ordered' });
    expect(await readFamily('mover_leading')).toEqual({ '': 1 });
    observe.emit({ type: 'mover_changed', state: 'stopped', detail: 'It ended with SIGKILL.' });
    expect(observe.readiness().parts.mover).toEqual({
      ready: true,
      detail: 'stopped: It ended with SIGKILL.',
    });
    expect(await readFamily('mover_leading')).toEqual({ '': 0 });
    expect(readLines().map(({ level }) => level)).toEqual(['info', 'warn']);
  });
});
