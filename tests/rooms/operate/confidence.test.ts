import { describe, expect, test } from '@jest/globals';
import { judgeRoute, lowerBound, percent, upperBound } from '../../../src/operate/diffs/confidence.ts';
import type { RouteId, RouteTally } from '../../../src/vocabulary/index.ts';

describe('the upper bound', () => {
  // qbeta(0.95, k + 1, n - k), with 13 digits.
  test.each([
    [0, 1, 0.95],
    [0, 12, 0.2209221919456],
    [0, 299, 0.009969146792899],
    [0, 300, 0.009936081944458],
    [0, 2995, 0.0009997444209011],
    [0, 42_118, 0.00007112459606741],
    [0, 1_000_000, 0.000002995727786353],
    [1, 2, 0.9746794344809],
    [1, 10, 0.3941633024365],
    [1, 300, 0.01571455489158],
    [2, 1_000, 0.006282284546723],
    [3, 42_118, 0.0001840832655562],
    [5, 10, 0.777558898992],
    [7, 5_000, 0.002628006196477],
    [9, 10, 0.9948838031082],
    [17, 100, 0.2440167562244],
    [120, 1_000, 0.138239407396],
    [150, 1_000_000, 0.0001717627805499],
    [1_000, 100_000, 0.01053320090064],
    [4_999, 10_000, 0.5081735169639],
    [500_000, 1_000_000, 0.5008229260505],
    [100_000, 1_000_000_000, 0.0001005216926596],
  ])('of %i among %i is %f', (different, compared, bound) => {
    expect(upperBound(different, compared) / bound).toBeCloseTo(1, 10);
  });

  test.each([
    [0.5, 0.0365974814221],
    [0.9, 0.0655857515029],
    [0.975, 0.0851760529743],
    [0.99, 0.0969710452653],
    [0.999, 0.1242218287853],
  ])('of 3 among 100 with a confidence of %f is %f', (confidence, bound) => {
    expect(upperBound(3, 100, confidence)).toBeCloseTo(bound, 11);
  });

  test("is the upper end of R's own example, binom.test(682, 925), whose interval is two-sided", () => {
    expect(upperBound(682, 925, 0.975)).toBeCloseTo(0.7654066, 7);
    expect(lowerBound(682, 925, 0.975)).toBeCloseTo(0.7076683, 7);
  });

  test('is 1 where nothing was compared, or all of it differs', () => {
    expect([upperBound(0, 0), upperBound(1, 1), upperBound(50, 50)]).toEqual([1, 1, 1]);
    expect(lowerBound(0, 0)).toBe(0);
  });

  test('grows with the differences and shrinks with the comparisons', () => {
    const byDifferent = Array.from({ length: 200 }, (_, different) => upperBound(different, 200));
    const byCompared = Array.from({ length: 200 }, (_, nr) => -upperBound(5, 5 + nr));
    for (const row of [byDifferent, byCompared]) expect(row).toEqual(row.toSorted((a, b) => a - b));
  });

  test.each([
    [-1, 10, 0.95],
    [11, 10, 0.95],
    [0.5, 10, 0.95],
    [1, Number.NaN, 0.95],
    [1, 10, 1],
    [1, 10, 0],
  ])('refuses %f of %f at %f', (different, compared, confidence) => {
    expect(() => upperBound(different, compared, confidence)).toThrow(RangeError);
  });
});

const tally = (counts: Partial<Omit<RouteTally, 'route'>>): RouteTally => ({
  route: 'ai.jobs' as RouteId,
  same: 0,
  different: 0,
  accepted: 0,
  noise: 0,
  notCompared: {},
  firstMs: 0,
  lastMs: 0,
  ...counts,
});

describe('the verdict of a route', () => {
  test('is clean when nothing counts among enough comparisons', () => {
    const verdict = judgeRoute(tally({ same: 42_118 }));
    expect(verdict).toMatchObject({ kind: 'clean', compared: 42_118, different: 0, notCompared: 0 });
    expect(verdict.sentence).toBe('42,118 comparisons, 0 different, upper bound 0.007 % (95 %)');
  });

  test('is "not enough data" below the number asked for, and below 300 where none was', () => {
    expect(judgeRoute(tally({ same: 12 }), { min: 1_000 })).toMatchObject({
      kind: 'not_enough_data',
      sentence: 'not enough data: 12 comparisons, 1,000 asked for',
    });
    expect(judgeRoute(tally({ same: 299 })).kind).toBe('not_enough_data');
    expect(judgeRoute(tally({ same: 300 })).kind).toBe('clean');
    expect(judgeRoute(tally({ same: 300 })).upperBound).toBeLessThan(0.01);
  });

  test('is never clean without a single comparison, whatever was asked for', () => {
    expect(judgeRoute(tally({}), { min: 0, maxRate: 1 })).toMatchObject({
      kind: 'not_enough_data',
      sentence: 'not enough data: 0 comparisons, 1 asked for',
    });
  });

  test('is different from the first difference that counts, among however few', () => {
    expect(judgeRoute(tally({ same: 11, different: 1 }))).toMatchObject({
      kind: 'different',
      sentence: '12 comparisons, 1 different, upper bound 33.87 % (95 %)',
    });
  });

  test('with a largest share, is clean only when the upper bound keeps below it', () => {
    const wish = { maxRate: 0.001, min: 1_000 };
    expect(judgeRoute(tally({ same: 42_118 }), wish).kind).toBe('clean');
    expect(judgeRoute(tally({ same: 42_115, different: 3 }), wish).kind).toBe('clean');
    expect(judgeRoute(tally({ same: 1_000 }), wish)).toMatchObject({
      kind: 'not_enough_data',
      sentence:
        'not enough data: 1,000 comparisons, 0 different, upper bound 0.299 % (95 %), at most 0.1 % asked for',
    });
    expect(judgeRoute(tally({ same: 9_980, different: 20 }), wish)).toMatchObject({
      kind: 'different',
      sentence: '10,000 comparisons, 20 different, upper bound 0.29 % (95 %), at most 0.1 % asked for',
    });
  });

  test('with a largest share, few comparisons are different only when they prove it', () => {
    const wish = { maxRate: 0.1, min: 1_000 };
    expect(judgeRoute(tally({ same: 11, different: 1 }), wish)).toMatchObject({
      kind: 'not_enough_data',
      sentence: 'not enough data: 12 comparisons, 1 different, 1,000 asked for',
    });
    expect(judgeRoute(tally({ different: 12 }), wish).kind).toBe('different');
  });

  test('names what was accepted, what is noise, and how much was not compared and mostly why', () => {
    const verdict = judgeRoute(
      tally({ same: 950, accepted: 40, noise: 10, notCompared: { rows_in_motion: 9, body_too_large: 2 } }),
    );
    expect(verdict).toMatchObject({
      kind: 'clean',
      compared: 1_000,
      notCompared: 11,
      mostly: 'rows_in_motion',
    });
    expect(verdict.sentence).toBe(
      '1,000 comparisons, 0 different, upper bound 0.299 % (95 %); 40 accepted; 10 noise; 1.09 % not compared, mostly rows_in_motion',
    );
  });

  test('one comparison is said in the singular', () => {
    expect(judgeRoute(tally({ same: 1 }), { min: 1 }).sentence).toMatch(/^1 comparison, /);
  });
});

test.each([
  [0, '0 %'],
  [0.000_071, '0.007 %'],
  [0.000_003, '0.0003 %'],
  [0.000_000_12, '0.00001 %'],
  [0.001, '0.1 %'],
  [0.012_349, '1.23 %'],
  [1, '100 %'],
])('a share of %f is written %s', (share, text) => {
  expect(percent(share)).toBe(text);
});
