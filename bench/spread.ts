/** What several rounds saw of one figure. */
export type Spread = Readonly<{ median: number; low: number; high: number; rounds: number }>;

/** Undefined of nothing: what no round saw has no middle. */
export function spreadOf(figures: readonly number[]): Spread | undefined {
  const sorted = figures.filter(Number.isFinite).sort((a, b) => a - b);
  const [low, high] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined) return undefined;
  return { median: median(sorted), low, high, rounds: sorted.length };
}

/**
 * The ratio of two figures in each round, pair by pair: what the machine did to both of them in that round cancels out, which it does
 * not in a ratio of two medians. A round in which either is missing has no ratio.
 */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread | undefined {
  return spreadOf(ours.map((figure, round) => figure / (theirs[round] ?? Number.NaN)));
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}
