import { expect, test } from '@jest/globals';
import { createObserve, renderFigures } from '../../../src/observe/index.ts';

const open = () => {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), dropped: () => 0 };
  return { lines, observe: createObserve({ level: 'debug', sink }) };
};

test('waits for a connection of the new store are counted from zero, by how they ended, and never logged', async () => {
  const { lines, observe } = open();
  expect(await observe.metrics()).toContain('banyan_store_wait_seconds_count{outcome="crowded"} 0');
  observe.emit({ type: 'store_waited', outcome: 'served', waitedMs: 3 });
  observe.emit({ type: 'store_waited', outcome: 'crowded', waitedMs: 2_001 });
  const text = await observe.metrics();
  expect(text).toContain('banyan_store_wait_seconds_bucket{le="0.001",outcome="served"} 0');
  expect(text).toContain('banyan_store_wait_seconds_bucket{le="0.005",outcome="served"} 1');
  expect(text).toContain('banyan_store_wait_seconds_bucket{le="2",outcome="crowded"} 0');
  expect(text).toContain('banyan_store_wait_seconds_bucket{le="+Inf",outcome="crowded"} 1');
  expect(lines).toEqual([]);
});

test('connections are those of all processes together', async () => {
  const all = [open(), open()].map(({ observe }) => observe);
  for (const observe of all) observe.emit({ type: 'store_counted', busy: 2, idle: 3, waiting: 1 });
  const text = await renderFigures(await Promise.all(all.map((observe) => observe.figures())));
  expect(text).toContain('banyan_store_connections{state="busy"} 4');
  expect(text).toContain('banyan_store_connections{state="idle"} 6');
  expect(text).toContain('banyan_store_waiting 2');
});
