import { describe, expect, test } from '@jest/globals';
import { fillTemplate } from '../../../bench/config-template.ts';
import { chooseCores, parseCoreList, pinTo } from '../../../bench/machine.ts';
import { CpuMeter, compareEachS, listTree, readRssBytes, readTicksS } from '../../../bench/meter.ts';

describe('cores', () => {
  test('the last one is the proxy’s, the others are the load’s', () => {
    expect(chooseCores([0, 1, 2, 5])).toEqual({ proxy: '5', load: '0,1,2' });
  });

  test('one core cannot be shared out', () => {
    expect(chooseCores([0])).toEqual({ proxy: undefined, load: undefined });
  });

  test('are listed as the kernel writes them', () => {
    expect([parseCoreList('0-2,5'), parseCoreList('1'), parseCoreList('')]).toEqual([[0, 1, 2, 5], [1], []]);
  });

  test('nothing is put before a command where processes cannot be pinned', () => {
    expect([pinTo('1'), pinTo(undefined)]).toEqual([['taskset', '-c', '1'], []]);
  });
});

describe('processor time', () => {
  test('of several processes is told for all of them, and for the busiest', () => {
    const [before, after] = [
      new Map([
        [1, 10],
        [2, 20],
      ]),
      new Map([
        [1, 11],
        [2, 24],
        [3, 2],
      ]),
    ];
    expect(compareEachS(before, after)).toEqual({ all: 7, busiest: 4 });
  });

  test('is read in ticks where the kernel does not count nanoseconds', () => {
    const stat = `7 (a (strange) name) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0 100 0 0`;
    expect(readTicksS(stat)).toBe(2);
  });

  test('of this very process grows with what it does', () => {
    const meter = new CpuMeter(process.pid);
    const read = () => compareEachS(new Map(), meter.readEachS()).all;
    const before = read();
    const untilMs = performance.now() + 60;
    while (performance.now() < untilMs);
    expect(read() - before).toBeGreaterThan(0.02);
  });
});

test('the tree of a process begins with itself, and holds memory', () => {
  expect(listTree(process.pid)[0]).toBe(process.pid);
  expect(readRssBytes(process.pid)).toBeGreaterThan(10 * 1024 ** 2);
});

test('a configuration with a hole in it is refused', () => {
  const file = new URL('../../../bench/peers/Caddyfile', import.meta.url);
  expect(() => fillTemplate(file, { PORT: 1 })).toThrow('wants UPSTREAM');
  expect(fillTemplate(file, { PORT: 1, UPSTREAM: 2 })).toContain('reverse_proxy 127.0.0.1:2');
});
