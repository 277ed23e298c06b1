import { describe, expect, test } from '@jest/globals';
import { WorkMeter } from '../../../src/mirror/judge/work-meter.ts';
import { ProcessorBudget } from '../../../src/mirror/watch/processor-budget.ts';

/** Copies one after the other, each as soon as it may begin, for so long; answers how many. */
function workOn(budget: ProcessorBudget, copyMs: number, forMs: number): number {
  let [now, copies] = [0, 0];
  while (now < forMs) {
    const pay = budget.begin(now);
    now += copyMs;
    pay(copyMs, now);
    copies += 1;
    now += budget.restMs(now);
  }
  return copies;
}

describe('processor time for rehearsals', () => {
  test.each([
    [0.1, 8, 125],
    [0.1, 50, 20],
    [0.5, 8, 625],
  ])('with %s processors, %s ms each: %s copies in ten seconds', (cores, copyMs, expected) => {
    const copies = workOn(new ProcessorBudget(cores), copyMs, 10_000);

    expect(Math.abs(copies - expected)).toBeLessThanOrEqual(2);
  });

  test('is not saved up while nobody asks: after a minute of calm the second copy waits like any other', () => {
    const budget = new ProcessorBudget(0.1);
    budget.begin(0)(10, 10);

    budget.begin(60_000)(10, 60_010);

    expect(budget.restMs(60_010)).toBe(90);
  });

  test('of a copy that only waited is given back', () => {
    const budget = new ProcessorBudget(0.1);
    const pay = budget.begin(0);
    expect(budget.restMs(0)).toBe(100);

    pay(0, 20);

    expect(budget.restMs(20)).toBe(0);
  });

  test('of a copy that burnt a processor for a minute is paid back within five seconds', () => {
    const budget = new ProcessorBudget(0.1);

    budget.begin(0)(60_000, 60_000);

    expect(budget.restMs(60_000)).toBe(5_000);
    expect(budget.foreseeMs(1, 60_000)).toBeLessThan(6_000);
  });

  test('is foreseen for whoever comes after others', () => {
    const budget = new ProcessorBudget(0.1);

    expect(budget.foreseeMs(0, 0)).toBe(0);
    expect(budget.foreseeMs(20, 0)).toBe(2_000);
  });

  test('where there are plenty of processors holds up nobody', () => {
    expect(workOn(new ProcessorBudget(10), 5, 10_000)).toBe(2_000);
  });
});

describe('what copies used', () => {
  test('counts while one of them is being judged, and once', () => {
    let usedUs = 1_000_000;
    const meter = new WorkMeter(() => usedUs);
    const work = (us: number) => {
      usedUs += us;
    };

    meter.begin();
    work(3_000);
    meter.begin();
    work(2_000);
    expect(meter.end()).toBe(5);
    work(1_000);
    expect(meter.end()).toBe(1);
    work(50_000);
    meter.begin();
    work(4_000);

    expect(meter.end()).toBe(4);
  });
});
