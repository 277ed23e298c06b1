/** Draws the same things in the same order for the same seed (mulberry32). */
export type Random = Readonly<{
  /** From 0 up to but not including `below`. */
  whole(below: number): number;
  /** True so many times of a hundred. */
  chance(percent: number): boolean;
  pick<T>(list: readonly T[]): T;
}>;

export function openRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (below: number) => Math.floor(next() * below);
  return {
    whole,
    chance: (percent) => next() * 100 < percent,
    pick: (list) => list[whole(list.length)] as (typeof list)[number],
  };
}
