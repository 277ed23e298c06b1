import { createHash } from 'node:crypto';

/** A die that falls the same way for the same name, on every machine. */
export interface Die {
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  pick<T>(things: readonly T[]): T;
  /** True once in `n` throws. */
  onceIn(n: number): boolean;
}

export function openDie(name: string): Die {
  // Mulberry32, by Tommy Ettinger: small, fast, and even enough for made-up rows.
  let state = createHash('sha256').update(name).digest().readUInt32LE();
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    between,
    pick: (things) => things[between(0, things.length - 1)] as (typeof things)[number],
    onceIn: (n) => between(1, n) === 1,
  };
}
