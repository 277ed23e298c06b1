import { renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type Bench, openBench, waitUntil } from './support.ts';

const table = (timeoutMs: number) => `version: 1
routes:
  - { id: a, match: { method: GET, path: /a/ }, timeout_ms: ${timeoutMs} }
`;

let bench: Bench;
afterEach(() => bench.close());

const timeoutInForce = () => bench.decide.pin().rows[0]?.timeoutMs;
const eventsOf = (type: string) => bench.events.filter((event) => event.type === type);

describe('a good table is in force within a second of being written', () => {
  test('when the file is written in place, time and again', async () => {
    bench = await openBench(table(1));
    for (const timeoutMs of [2, 3, 4]) {
      bench.write(table(timeoutMs));
      expect(await waitUntil(() => timeoutInForce() === timeoutMs, 1000)).toBeLessThan(1000);
    }
    expect(eventsOf('table_swapped')).toHaveLength(4);
    expect(eventsOf('table_swapped').at(-1)).toEqual({
      type: 'table_swapped',
      revision: bench.decide.pin().revision,
      source: bench.file,
      routes: 1,
      flags: 0,
    });
  });

  test('when an editor replaces the file', async () => {
    bench = await openBench(table(1));
    writeFileSync(`${bench.file}.new`, table(2));
    renameSync(`${bench.file}.new`, bench.file);
    await waitUntil(() => timeoutInForce() === 2, 1000);
    writeFileSync(`${bench.file}.new`, table(3));
    renameSync(`${bench.file}.new`, bench.file);
    await waitUntil(() => timeoutInForce() === 3, 1000);
  });

  test('when a link to it is swapped, as Kubernetes does', async () => {
    bench = await openBench(table(1));
    const [first, second] = ['first.yaml', 'second.yaml'].map((name) => join(bench.file, '..', name));
    if (!first || !second) throw new Error('no names');
    writeFileSync(first, table(1));
    writeFileSync(second, table(2));
    unlinkSync(bench.file);
    symlinkSync(first, bench.file);
    await wait(50);
    symlinkSync(second, `${bench.file}.link`);
    renameSync(`${bench.file}.link`, bench.file);
    await waitUntil(() => timeoutInForce() === 2, 1000);
  });

  test('when it is asked for, at once', async () => {
    bench = await openBench(table(1));
    bench.write(table(2));
    const result = await bench.decide.reload();
    expect(result).toEqual({ kind: 'in_force', revision: bench.decide.pin().revision });
    expect(timeoutInForce()).toBe(2);
    expect(bench.decide.source()).toEqual({ text: table(2), revision: bench.decide.pin().revision });
  });
});

describe('the last good table stays', () => {
  test('while the file is bad, which is told once and with every mistake', async () => {
    bench = await openBench(table(1));
    bench.write('version: 2\nroutes: no\n');
    await waitUntil(() => eventsOf('table_refused').length > 0, 1000);
    await wait(600);
    expect(eventsOf('table_refused')).toEqual([
      {
        type: 'table_refused',
        source: bench.file,
        mistakes: [
          `${bench.file}:1:10: expected 1, the only version, found 2`,
          `${bench.file}:2:9: expected a list, found "no"`,
        ],
      },
    ]);
    expect(timeoutInForce()).toBe(1);
    expect(await bench.decide.reload()).toMatchObject({
      kind: 'refused',
      mistakes: [{ line: 1 }, { line: 2 }],
    });
  });

  test('and a swap is told when the file is good again, even the same as before', async () => {
    bench = await openBench(table(1));
    bench.write('version: 2\n');
    await waitUntil(() => eventsOf('table_refused').length === 1, 1000);
    bench.write(table(1));
    await waitUntil(() => eventsOf('table_swapped').length === 2, 1000);
  });

  test('while the file is gone', async () => {
    bench = await openBench(table(1));
    rmSync(bench.file);
    await waitUntil(() => eventsOf('table_refused').length === 1, 1000);
    expect(timeoutInForce()).toBe(1);
    bench.write(table(2));
    await waitUntil(() => timeoutInForce() === 2, 1000);
  });

  test('while a slow writer is at work, until the last part is there', async () => {
    bench = await openBench(table(1));
    const text = `${table(2)}${'# padding\n'.repeat(40)}`;
    for (let end = 0; end < text.length; end += 20) {
      bench.write(text.slice(0, end));
      expect([1, 2]).toContain(timeoutInForce());
      await wait(3);
    }
    bench.write(text);
    await waitUntil(() => timeoutInForce() === 2, 1000);
  });

  test('while the file holds bytes that are no text', async () => {
    bench = await openBench(table(1));
    writeFileSync(bench.file, Buffer.from([0x76, 0xff, 0xfe, 0x0a]));
    await waitUntil(() => eventsOf('table_refused').length === 1, 1000);
    expect(JSON.stringify(eventsOf('table_refused'))).toContain('expected plain text in UTF-8');
    expect(timeoutInForce()).toBe(1);
  });
});

test('a storm of 1000 writes causes a few reloads, and the last write wins within a second', async () => {
  bench = await openBench(table(1));
  for (let timeoutMs = 2; timeoutMs <= 1001; timeoutMs += 1) {
    bench.write(table(timeoutMs));
    if (timeoutMs % 10 === 0) await wait(1);
  }
  await waitUntil(() => timeoutInForce() === 1001, 1000);
  expect(eventsOf('table_swapped').length).toBeLessThan(12);
});

test('200 writes leave no timer, watcher or listener behind', async () => {
  bench = await openBench(table(1));
  const before = process.getActiveResourcesInfo().length;
  for (let timeoutMs = 2; timeoutMs <= 201; timeoutMs += 1) {
    bench.write(table(timeoutMs));
    if (timeoutMs % 20 === 0) await bench.decide.reload();
  }
  await waitUntil(() => timeoutInForce() === 201, 1000);
  await wait(300);
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before + 2);
});

test('nothing is read any more after closing', async () => {
  bench = await openBench(table(1));
  await bench.decide.close();
  bench.write(table(2));
  await wait(600);
  expect(timeoutInForce()).toBe(1);
});
