import { type Failure, fail, isFailure, type Outcome, type Side } from '../vocabulary/index.ts';
import type { SideBreaker, Trial, Verdict } from './breaker.ts';
import type { BreakerBoard } from './breaker-board.ts';
import type { Bid, Place } from './places.ts';
import type { RetryBudget } from './retry-budget.ts';

/** A place that is wanted. */
export type Request = Bid &
  Readonly<{
    /** Whoever forces a side wants to see it fail: its breaker is not asked, and learns nothing of it. */
    asked: 'by_table' | 'by_force';
  }>;

/** What the work tells of itself while it is in its place. */
export type Stay = Readonly<{
  /** The side has begun to answer; a stream has no end of its own. */
  answerBegan(manner: 'plain' | 'stream'): void;
  /** Something of it goes on after its outcome is known: the place is taken until then. */
  keepUntil(end: Promise<unknown>): void;
}>;

type Parts = Readonly<{ board: BreakerBoard; budget: RetryBudget; take: (bid: Bid) => Place | Failure }>;

/** The place comes first: whoever gets none must not have been the probe. However the work ends, both are given back. */
export async function guard(
  { board, budget, take }: Parts,
  request: Request,
  work: (stay: Stay) => Promise<Outcome>,
): Promise<Outcome> {
  const { side, feature } = request;
  const place = take(request);
  if (isFailure(place)) return refuse(place);
  const breaker = board.find(feature, side);
  const trial = request.asked === 'by_force' ? UNWATCHED : breaker.admit();
  let verdict: Verdict = 'unknown';
  try {
    if (trial === undefined) return refuse(tellRest(side, breaker));
    if (side === 'legacy') budget.earn();
    const outcome = await work(describeStay(place, trial));
    verdict = judge(side, outcome);
    return outcome;
  } finally {
    trial?.ended(verdict);
    place.leave();
  }
}

const UNWATCHED: Trial = { began: () => undefined, ended: () => undefined };

function describeStay(place: Place, trial: Trial): Stay {
  return {
    answerBegan(manner) {
      trial.began(manner);
      if (manner === 'stream') place.becomeStream();
    },
    keepUntil: (end) => place.keepUntil(end),
  };
}

const refuse = (failure: Failure): Outcome => ({ kind: 'failed', failure });

function tellRest(side: Side, breaker: SideBreaker): Failure {
  const retryAfterS = Math.max(1, Math.ceil(breaker.restsForMs() / 1_000));
  return fail(side === 'legacy' ? 'legacy_unavailable' : 'new_unavailable', { retryAfterS });
}

/**
 * Legacy's own error pages are answers like any other: they say that it works. What counts is that no whole answer came. On the new side
 * a failure of the store counts, too, since it is nobody else's. A client that left tells nothing of the side.
 */
function judge(side: Side, outcome: Outcome): Verdict {
  if (outcome.kind === 'answered') return 'ok';
  if (outcome.kind === 'abandoned') return 'unknown';
  const { blame } = outcome.failure;
  if (blame === 'caller') return 'unknown';
  return side === 'legacy' && blame !== 'legacy' ? 'unknown' : 'failed';
}
