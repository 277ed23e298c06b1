import { expect, test } from '@jest/globals';
import { judge, watchLag } from '../../../src/defend/lag-watch.ts';

const CALM = { isShedding: false, streak: 0 };
const LIMIT_MS = 200;

/** What each look in a row leads to. */
function look(lags: readonly number[], from: Parameters<typeof judge>[0] = CALM): readonly boolean[] {
  let state = from;
  return lags.map((lagMs) => {
    state = judge(state, lagMs, LIMIT_MS);
    return state.isShedding;
  });
}

test('one late look is no overload: it may be a collection of garbage', () => {
  expect(look([900, 0, 900, 0, 900, 0])).not.toContain(true);
});

test('two late looks in a row are', () => {
  expect(look([201, 201])).toEqual([false, true]);
  expect(look([200, 200, 200])).not.toContain(true);
});

test('it is over after three looks in a row that come in half of the limit', () => {
  const shedding = { isShedding: true, streak: 0 };
  expect(look([0, 0, 0], shedding)).toEqual([true, true, false]);
  expect(look([99, 99, 100, 99, 99, 99], shedding)).toEqual([true, true, true, true, true, false]);
});

test('a busy event loop is seen, and its end too', async () => {
  const states: string[] = [];
  const watch = watchLag(LIMIT_MS, (state) => states.push(state));
  try {
    for (let count = 0; count < 4; count += 1) {
      const untilMs = performance.now() + 400;
      while (performance.now() < untilMs);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect([states, watch.isShedding()]).toEqual([['shedding'], true]);
    const beganMs = performance.now();
    while (watch.isShedding() && performance.now() - beganMs < 5_000)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(states).toEqual(['shedding', 'calm']);
  } finally {
    watch.close();
  }
});
