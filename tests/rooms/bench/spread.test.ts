import { describe, expect, test } from '@jest/globals';
import { interleave } from '../../../bench/interleave.ts';
import { median, ratioOf, spreadOf } from '../../../bench/spread.ts';

describe('what several rounds saw of one figure', () => {
  test('is their middle value with the lowest and the highest', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3, rounds: 3 });
  });

  test('of an even number of rounds, is the mean of the two in the middle', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test('is nothing where no round saw anything', () => {
    expect([spreadOf([]), spreadOf([Number.NaN])]).toEqual([undefined, undefined]);
  });

  test('leaves out a round that saw nothing', () => {
    expect(spreadOf([5, Number.NaN, 7])).toEqual({ median: 6, low: 5, high: 7, rounds: 2 });
  });
});

describe('the ratio of two figures', () => {
  test('is made within each round: a machine that halves its pace changes nothing', () => {
    const [ours, theirs] = [
      [100, 50, 100],
      [200, 100, 200],
    ];
    expect(ratioOf(ours, theirs)).toEqual({ median: 0.5, low: 0.5, high: 0.5, rounds: 3 });
  });

  test('has no more rounds than both of them have', () => {
    expect(ratioOf([1, 2, 3], [1, 2])?.rounds).toBe(2);
  });
});

test('rounds go from one contestant to the next, and begin again with the first', async () => {
  const order: string[] = [];
  const seen = await interleave(['a', 'b'], 2, async (one, round) => {
    order.push(`${one}${round}`);
    return round;
  });
  expect(order).toEqual(['a0', 'b0', 'a1', 'b1']);
  expect(seen.get('b')).toEqual([0, 1]);
});
