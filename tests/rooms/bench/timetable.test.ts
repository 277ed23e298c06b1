import { expect, test } from '@jest/globals';
import { Timetable } from '../../../bench/load/timetable.ts';

test('requests are due evenly, and none before its time', () => {
  const table = new Timetable(100, 1_000);
  expect([table.take(999.9), table.take(1_000), table.take(1_005), table.take(1_010)]).toEqual([
    undefined,
    1_000,
    undefined,
    1_010,
  ]);
});

test('what could not be sent in time is still meant for the moment at which it was due', () => {
  const table = new Timetable(1_000, 0);
  const nobodyWasFreeUntilMs = 2.5;
  expect([1, 2, 3, 4].map(() => table.take(nobodyWasFreeUntilMs))).toEqual([0, 1, 2, undefined]);
});

test('a pause makes no later request late: after it, as many have been due as without it', () => {
  const table = new Timetable(200, 0);
  let taken = 0;
  for (const nowMs of [0, 5, 10, 500, 1_000]) while (table.take(nowMs) !== undefined) taken += 1;
  expect(taken).toBe(201);
});
