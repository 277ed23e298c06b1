import { hold, type Line } from './drill.ts';
import { percentile, showCounts } from './figures.ts';
import type { End } from './shot.ts';

export const latencyOf = ({ dueMs, endedMs }: End) => endedMs - dueMs;
export const p99 = (ends: readonly End[]) => percentile(ends.map(latencyOf), 0.99);
export const isGood = ({ status }: End) => status >= 200 && status < 300;
/** Sent, and never answered as a whole although the client waited for it. */
export const isLost = ({ status, sentMs, trouble }: End) =>
  status === 0 && sentMs !== undefined && trouble !== 'left';

/** One word for how a request ended: `200`, `503 legacy_busy`, `ECONNRESET`. */
export function nameEnd({ status, problem, trouble }: End): string {
  return status === 0 ? String(trouble) : [status, problem?.code].join(' ').trim();
}

/** `200 ×812, 503 legacy_busy ×13`. */
export function showEnds(ends: readonly End[]): string {
  const counts: Record<string, number> = {};
  for (const end of ends) counts[nameEnd(end)] = (counts[nameEnd(end)] ?? 0) + 1;
  return showCounts(counts);
}

/** Whoever reads it knows what to do: a code, a sentence, a request id, and when to come back where waiting helps. */
export function isHelpful({ status, problem }: End): boolean {
  if (!problem?.isWhole) return false;
  return (status !== 503 && status !== 429) || (problem.retryAfterS ?? 0) > 0;
}

/** Holds that none of these ended otherwise than well. */
export function holdNone(what: string, ends: readonly End[], isSo: (end: End) => boolean): Line {
  const some = ends.filter(isSo);
  const seen =
    some.length === 0 ? `0 of ${ends.length}` : `${some.length} of ${ends.length}: ${showEnds(some)}`;
  return hold(what, '0', seen, some.length === 0);
}

/** Holds the latency of the slowest in a hundred to a bound. */
export function holdP99(what: string, ends: readonly End[], mostMs: number): Line {
  const ms = p99(ends);
  return hold(what, `p99 at most ${mostMs} ms`, `${ms.toFixed(1)} ms of ${ends.length}`, ms <= mostMs);
}
