import { describe, expect, test } from '@jest/globals';
import { judgePace } from '../../../src/accept/pace.ts';

const LIMIT = { bytesPerS: 100, overMs: 10_000 };

/** What becomes of an upload that is looked at every second; `bytes` come in each, `who` is waited for. */
function look(
  seconds: number,
  bytes: (second: number) => number,
  who: (second: number) => 'client' | 'side',
) {
  let window: Parameters<typeof judgePace>[0];
  let all = 0;
  for (let second = 0; second <= seconds; second += 1) {
    all += bytes(second);
    const seen = { nowMs: second * 1_000, bytes: all, isClientsTurn: who(second) === 'client' };
    const judged = judgePace(window, seen, LIMIT);
    if (judged === 'too_slow') return second;
    window = judged;
  }
  return 'goes on';
}

const client = () => 'client' as const;

describe('an upload', () => {
  test('that drips is too slow after the time over which it is looked at, and no sooner', () => {
    expect(look(60, () => 1, client)).toBe(10);
    expect(look(9, () => 0, client)).toBe('goes on');
  });

  test('at the pace goes on, for as long as it takes', () => {
    expect(look(600, () => 100, client)).toBe('goes on');
    expect(look(600, () => 99, client)).toBe(10);
  });

  test('may pause for a while where it was fast enough', () => {
    expect(look(600, (second) => (second % 10 === 1 ? 1_000 : 0), client)).toBe('goes on');
  });

  test('that was fast once is not let off for ever', () => {
    expect(look(60, (second) => (second === 1 ? 1_000_000 : 1), client)).toBe(20);
  });

  test('is not blamed for the time in which its side is waited for', () => {
    expect(
      look(
        600,
        () => 0,
        () => 'side',
      ),
    ).toBe('goes on');
    expect(
      look(
        600,
        () => 0,
        (second) => (second % 9 === 0 ? 'side' : 'client'),
      ),
    ).toBe('goes on');
  });
});
