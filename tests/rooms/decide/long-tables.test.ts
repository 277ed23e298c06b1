import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { editTable, readTable } from '../../../src/decide/index.ts';
import { openReadingDesk, type ReadingDesk } from '../../../src/decide/reading-desk.ts';
import type { Surroundings } from '../../../src/decide/table-rules.ts';
import type { RouteId } from '../../../src/vocabulary/index.ts';
import { type Bench, HANDLERS, openBench, waitUntil } from './support.ts';

// What is long is read in a thread of its own. These tables are; those of the other tests are not.

const SURROUNDINGS: Surroundings = { handlers: HANDLERS, flagSource: 'file' };

const writeTable = (routes: number, timeoutMs: number, rest = '') => `version: 1
defaults: { timeout_ms: ${timeoutMs} }
features:
  ai: { tables: [ai_job], force: legacy }
routes:
${Array.from({ length: routes }, (_, n) => `  - { id: r${n}, match: { method: GET, path: /api/r${n}/:id/ }, feature: ai }`).join('\n')}
${rest}`;

let bench: Bench | undefined;
let desk: ReadingDesk | undefined;
afterEach(async () => {
  desk?.close();
  await bench?.close();
  [desk, bench] = [undefined, undefined];
});

const eventsOf = (type: string) => (bench?.events ?? []).filter((event) => event.type === type);

test('a long table says the same as if it were short, and is as frozen', async () => {
  desk = openReadingDesk(SURROUNDINGS);
  const text = writeTable(300, 5);
  const read = await desk.read(text);
  expect(JSON.stringify(read)).toBe(JSON.stringify(readTable(text, SURROUNDINGS)));
  if (read.kind !== 'table') throw new Error('no table');
  expect(Object.isFrozen(read.table) && Object.isFrozen(read.table.rows[7]?.methods)).toBe(true);
  expect(read.table.rows[7]).toHaveProperty('forcedBy', 'feature');
  expect(Object.keys(read.table.rows[7] ?? {})).toContain('mirror');
});

test('a long table is refused with the mistakes that it has, each at its place', async () => {
  desk = openReadingDesk(SURROUNDINGS);
  const text = writeTable(300, 5, '  - { id: bad, match: { method: GET, path: /x/ }, feature: ay }');
  expect(await desk.read(text)).toEqual(readTable(text, SURROUNDINGS));
  expect(readTable(text, SURROUNDINGS)).toMatchObject({
    kind: 'mistakes',
    mistakes: [{ line: 306, message: expect.stringContaining('did you mean "ai"') }],
  });
});

test('while it is read, everybody else goes on', async () => {
  bench = await openBench(writeTable(2_000, 1));
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 2);
  bench.write(writeTable(2_000, 2));
  await bench.decide.reload();
  clearInterval(timer);
  expect(bench.decide.pin().rows[0]?.timeoutMs).toBe(2);
  // Reading takes 300 ms at least; were it done here, there would be none but those of the file's two readings.
  expect(turns).toBeGreaterThan(60);
});

test('the last good table stays while a long one is bad', async () => {
  bench = await openBench(writeTable(300, 1));
  bench.write(writeTable(300, 0));
  await waitUntil(() => eventsOf('table_refused').length > 0, 5_000);
  expect(bench.decide.pin().rows[0]?.timeoutMs).toBe(1);
  bench.write(writeTable(300, 3));
  await waitUntil(() => bench?.decide.pin().rows[0]?.timeoutMs === 3, 5_000);
  expect(eventsOf('bug')).toEqual([]);
});

test('a text that brings its reader down takes nobody along, and the next one is read', async () => {
  // Nothing that a file may hold does so today: what the text is read with does it here.
  desk = openReadingDesk({ handlers: 5, flagSource: 'file' } as unknown as Surroundings);
  const bad = writeTable(300, 5, '  - { id: a, match: { method: GET, path: /x/ }, handle: ai/jobs }');
  await expect(desk.read(bad)).rejects.toThrow('includes');
  expect((await desk.read(writeTable(300, 5))).kind).toBe('table');
});

test('a text whose reading was brought down is read again at the next look, changed or not', async () => {
  const handlers: unknown[] = [...HANDLERS];
  bench = await openBench(writeTable(300, 1), { handlers: handlers as readonly string[] });
  // What no thread can be told stands for whatever may befall one.
  handlers.push(() => undefined);
  bench.write(writeTable(300, 2));
  await waitUntil(() => eventsOf('bug').length > 0, 5_000);
  expect(bench.decide.pin().rows[0]?.timeoutMs).toBe(1);
  handlers.pop();
  expect(await bench.decide.reload()).toMatchObject({ kind: 'in_force' });
  expect(bench.decide.pin().rows[0]?.timeoutMs).toBe(2);
});

test('a long table is edited as a short one is, and questions wait for their turn', async () => {
  desk = openReadingDesk(SURROUNDINGS);
  const text = writeTable(300, 5);
  const change = { subject: 'r7' as RouteId, stage: 'legacy', force: 'legacy' } as const;
  const [edited, read, other] = await Promise.all([
    desk.edit(text, change),
    desk.read(text),
    desk.edit(text, { subject: 'r-7' as RouteId, stage: 'legacy' }),
  ]);
  expect(JSON.stringify(edited)).toBe(JSON.stringify(editTable(text, change, SURROUNDINGS)));
  expect(read.kind).toBe('table');
  expect(other).toMatchObject({ kind: 'mistakes', mistakes: [{ message: expect.stringContaining('r-7') }] });
});

test('closing ends a reading, and nobody is told of it any more', async () => {
  bench = await openBench(writeTable(300, 1));
  const before = bench.events.length;
  bench.write(writeTable(2_000, 2));
  const reading = bench.decide.reload();
  await wait(100);
  await bench.decide.close();
  await reading;
  await wait(600);
  expect(bench.events.slice(before)).toEqual([]);
  expect(bench.decide.pin().rows[0]?.timeoutMs).toBe(1);
});
