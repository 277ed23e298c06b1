import type { Row } from '../part.ts';

/** `unseen`: it could not be measured here, which is no miss. `told`: it has no bound. */
export type Verdict = 'held' | 'reached' | 'missed' | 'told' | 'unseen';

/** The median of the rounds is judged; `reached` is what we would like. */
export function judge({ seen, bound }: Row): Verdict {
  if (seen === undefined) return 'unseen';
  if (bound === undefined) return 'told';
  const isWithin = (limit: number) =>
    bound.kind === 'at_least' ? seen.median >= limit : seen.median <= limit;
  if (!isWithin(bound.least)) return 'missed';
  return bound.aim !== undefined && isWithin(bound.aim) ? 'reached' : 'held';
}
