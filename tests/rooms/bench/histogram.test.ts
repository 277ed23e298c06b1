import { expect, test } from '@jest/globals';
import { Histogram } from '../../../bench/load/histogram.ts';

const fill = (values: Iterable<number>) => {
  const histogram = new Histogram();
  for (const value of values) histogram.note(value);
  return histogram;
};

test('small values are exact', () => {
  const histogram = fill(Array.from({ length: 100 }, (_, i) => i + 1));
  expect([histogram.quantile(0.5), histogram.quantile(0.99), histogram.count]).toEqual([50, 99, 100]);
});

test.each([129, 300, 1_000, 12_345, 999_999, 60_000_000])(
  'a quantile of %i is at most 0.8 % too high and never too low',
  (value) => {
    const histogram = fill([value, value, value, 10 ** 9]);
    const told = histogram.quantile(0.5);
    expect(told).toBeGreaterThanOrEqual(value);
    expect(told).toBeLessThanOrEqual(value * 1.008);
  },
);

test('the quantiles of many values are those of the sorted list, within a bucket', () => {
  const values = Array.from({ length: 10_000 }, (_, i) => Math.round(50 * 1.0009 ** i));
  const histogram = fill(values);
  for (const share of [0.01, 0.5, 0.9, 0.99, 0.999]) {
    const exact = values[Math.ceil(values.length * share) - 1] ?? 0;
    expect(histogram.quantile(share) / exact).toBeGreaterThanOrEqual(1);
    expect(histogram.quantile(share) / exact).toBeLessThan(1.01);
  }
});

test('no quantile is beyond the largest value, which is exact', () => {
  const histogram = fill([5, 1_000_003]);
  expect([histogram.quantile(1), histogram.most]).toEqual([1_000_003, 1_000_003]);
});

test('nothing has no quantile', () => {
  expect(new Histogram().quantile(0.5)).toBeNaN();
});
