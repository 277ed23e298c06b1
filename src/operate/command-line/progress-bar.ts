const FULL = '█';
const EMPTY = '░';

/** `███████░░░`, of so many cells. */
export function drawBar(done: number, all: number, cells: number): string {
  const filled = all === 0 ? cells : Math.round((done / all) * cells);
  return FULL.repeat(filled) + EMPTY.repeat(cells - filled);
}

/** How long the rest takes at the pace so far, in ms; undefined before anything is done. */
export function estimateLeft(done: number, all: number, elapsedMs: number): number | undefined {
  return done === 0 ? undefined : (elapsedMs / done) * (all - done);
}

/** `84 ms`, `1.2 s`, `3 min`, `2 h 10 min` */
export function printSpan(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The value below which this share of the values lies. Undefined for none. */
export function findQuantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
