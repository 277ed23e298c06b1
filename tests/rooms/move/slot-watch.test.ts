import { afterEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { SlotWatch } from '../../../src/move/slot-watch.ts';
import type { BanyanEvent, Position } from '../../../src/vocabulary/index.ts';
import { until } from '../../support/house.ts';

type Seen = { end: string; held: number | null; safe: number | null; status: string | null; most: number };

const WELL: Seen = { end: '0/100', held: 1_000, safe: null, status: 'reserved', most: -1 };
const EVERY_MS = 5;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Legacy's answers, and where the store stands, may be changed while it looks. */
function watch(first: Partial<Seen> = {}, position = 0x100n) {
  const legacy: { seen: Seen | undefined; position: bigint } = { seen: { ...WELL, ...first }, position };
  const events: BanyanEvent[] = [];
  const pool = {
    query: async () => {
      if (legacy.seen === undefined) throw new Error('away');
      return { rows: [legacy.seen] };
    },
  } as unknown as pg.Pool;
  const slotWatch = new SlotWatch({
    pool,
    store: { position: async () => legacy.position as Position },
    slot: 'banyan',
    emit: (event) => events.push(event),
    heldBytes: 10_000,
    everyMs: EVERY_MS,
  });
  closers.push(() => slotWatch.close());
  const measured = () => events.flatMap((event) => (event.type === 'follow_measured' ? [event] : []));
  const told = () => events.flatMap((event) => (event.type === 'slot_changed' ? [event] : []));
  return { legacy, measured, told };
}

test('what is followed to its end is not old, and what is not grows older until it is, also while legacy is away', async () => {
  const { legacy, measured } = watch();
  await until(() => measured().length > 0, 'the first look');
  expect(measured()[0]).toEqual({ type: 'follow_measured', lagMs: 0, heldBytes: 1_000 });
  legacy.seen = { ...WELL, end: '0/200' };
  await until(() => (measured().at(-1)?.lagMs ?? 0) > 10, 'it to grow old');
  legacy.seen = undefined;
  const before = measured().at(-1)?.lagMs ?? 0;
  await until(() => (measured().at(-1)?.lagMs ?? 0) > before + 10, 'it to grow older');
  expect(measured().at(-1)?.heldBytes).toBeUndefined();
  legacy.position = 0x200n;
  await until(() => measured().at(-1)?.lagMs === 0, 'it to be there');
});

test('row-117-kept-log: near the size at which legacy gives up it is told once, and once more when it is over', async () => {
  const { legacy, told, measured } = watch({ most: 1_000_000, held: 600_000, safe: 400_000 });
  await until(() => measured().length > 2, 'some looks');
  expect(told()).toEqual([]);
  legacy.seen = { ...WELL, most: 1_000_000, held: 800_000, safe: 200_000, status: 'extended' };
  await until(() => told().length > 0, 'the news');
  expect(told()).toEqual([
    {
      type: 'slot_changed',
      state: 'filling',
      detail: 'legacy keeps 800 KB of its log for the slot "banyan"; 200 KB more and it gives up',
    },
  ]);
  legacy.seen = { ...WELL, most: 1_000_000, held: 10, safe: 999_990 };
  await until(() => told().length === 2, 'the end of it');
  expect(told()[1]?.state).toBe('calm');
});

test('row-117-kept-log: a server without a limit is judged by ours, and a lost slot is told whatever it keeps', async () => {
  const { legacy, told } = watch({ held: 9_000 });
  await until(() => told().length > 0, 'the news');
  expect(told()[0]?.detail).toBe(
    'legacy keeps 9 KB of its log for the slot "banyan", and its server sets no limit; ours is 10 KB',
  );
  legacy.seen = WELL;
  await until(() => told().length === 2, 'the end of it');
  legacy.seen = { ...WELL, held: null, status: 'lost' };
  await until(() => told().length === 3, 'the loss');
  expect(told()[2]?.detail).toMatch(/has given up the slot "banyan"/);
});
