/** A worker that dies at once again and again is started ever later; one that has served for a while begins anew. */
const FIRST_MS = 250;
const LONGEST_MS = 30_000;
const GOOD_LIFE_MS = 60_000;

export type Rest = Readonly<{ waitMs: number }>;
export const RESTED: Rest = Object.freeze({ waitMs: 0 });

/** How long to wait after a life of `livedMs`. */
export function restAfter({ waitMs }: Rest, livedMs: number): Rest {
  if (livedMs >= GOOD_LIFE_MS || waitMs === 0) return { waitMs: FIRST_MS };
  return { waitMs: Math.min(LONGEST_MS, waitMs * 2) };
}
