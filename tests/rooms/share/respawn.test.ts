import { expect, test } from '@jest/globals';
import { RESTED, restAfter } from '../../../src/share/respawn.ts';

test('a worker that dies at once again and again is started ever later, up to half a minute', () => {
  let rest = RESTED;
  const waits = Array.from({ length: 10 }, () => {
    rest = restAfter(rest, 100);
    return rest.waitMs;
  });
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test('one that has served for a minute begins anew', () => {
  expect(restAfter({ waitMs: 16_000 }, 60_000)).toEqual({ waitMs: 250 });
  expect(restAfter({ waitMs: 16_000 }, 59_999)).toEqual({ waitMs: 30_000 });
});
