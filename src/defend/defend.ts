import {
  type BreakerView,
  type Emit,
  type Failure,
  type FeatureName,
  fail,
  isFailure,
  type NewSideRest,
  type Outcome,
  type Side,
} from '../vocabulary/index.ts';
import type { BreakerSettings } from './breaker.ts';
import { type BreakerBoard, createBreakerBoard } from './breaker-board.ts';
import { watchLag } from './lag-watch.ts';
import { type Bid, openPlaces, type Place, type PlaceLimits } from './places.ts';
import { openProfiler } from './profile.ts';
import { createRetryBudget, type RetryBudget } from './retry-budget.ts';

export type DefendOptions = Readonly<{
  emit: Emit;
  limits: Omit<PlaceLimits, 'ofFeature'>;
  breaker: Readonly<Record<Side, BreakerSettings>>;
  /** Event-loop lag from which on new work is refused, in ms. */
  shedLagMs: number;
  /** Where a CPU profile is written when that happens. */
  profileFolder: string | undefined;
}>;

/** A place that is wanted, and what its side may take. */
export type Request = Bid &
  Readonly<{
    timeoutMs: number;
    /** Whoever forces a side wants to see it fail: its breaker is not asked. */
    reason: string;
  }>;

type FeatureLimit = Readonly<{ name: FeatureName; maxInFlight: number | undefined }>;

export type Defend = Readonly<{
  /** Why no new work is taken on at all at the moment, if so. */
  refuseWork(): Failure | undefined;
  /** Does `work` in a place on a side, or answers at once why there is none. How it ends feeds the side's breaker. */
  guard(request: Request, work: (place: Place) => Promise<Outcome>): Promise<Outcome>;
  /** True if a request that was lost before it arrived may be sent once more. */
  mayRetry(): boolean;
  /** What decide asks of the new side's breakers. */
  newSide: NewSideRest;
  breakers(): readonly BreakerView[];
  /** What the table in force says of its features. */
  knowFeatures(features: readonly FeatureLimit[]): void;
  close(): void;
}>;

export function openDefend({ emit, limits, breaker, shedLagMs, profileFolder }: DefendOptions): Defend {
  const board = createBreakerBoard(breaker, emit);
  const budget = createRetryBudget();
  let ofFeature: ReadonlyMap<FeatureName, number | undefined> = new Map();
  const take = openPlaces({ ...limits, ofFeature: (feature) => ofFeature.get(feature) });
  const profile = profileFolder === undefined ? undefined : openProfiler(profileFolder);
  const lag = watchLag(shedLagMs, (state, lagMs) => {
    emit({ type: 'load_changed', state, lagMs });
    if (state === 'shedding') tellProfile(emit, profile?.());
  });
  return Object.freeze({
    refuseWork: () => (lag.isShedding() ? fail('overloaded', { retryAfterS: 2 }) : undefined),
    guard: (request, work) => guard({ board, budget, take }, request, work),
    mayRetry: () => budget.spend(),
    newSide: {
      holdsBack: (feature, deadlineMs) => board.find(feature, 'new').holdsBack(deadlineMs),
      isResting: (feature) => board.find(feature, 'new').isResting(),
      state: (feature) => board.find(feature, 'new').state(),
    },
    breakers: board.views,
    knowFeatures(features) {
      ofFeature = new Map(features.map(({ name, maxInFlight }) => [name, maxInFlight]));
      board.keepOnly(features.map(({ name }) => name));
    },
    close() {
      lag.close();
      board.close();
    },
  } satisfies Defend);
}

type Parts = Readonly<{ board: BreakerBoard; budget: RetryBudget; take: (bid: Bid) => Place | Failure }>;

async function guard(
  { board, budget, take }: Parts,
  request: Request,
  work: (place: Place) => Promise<Outcome>,
): Promise<Outcome> {
  const place = take(request);
  if (isFailure(place)) return { kind: 'failed', failure: place };
  try {
    const { side, feature, timeoutMs } = request;
    const breaker = board.find(feature, side);
    // Of the new side decide has asked already: there, legacy may take its place.
    if (side === 'legacy' && request.reason !== 'forced' && breaker.holdsBack(timeoutMs))
      return { kind: 'failed', failure: fail('legacy_unavailable', { retryAfterS: REST_S }) };
    budget.earn();
    const outcome = await work(place);
    // A client that left tells nothing of the side.
    if (outcome.kind !== 'abandoned') breaker.report(isFaultOf(side, outcome) ? 'failed' : 'ok');
    return outcome;
  } finally {
    place.leave();
  }
}

const REST_S = 2;

/**
 * Legacy's own error pages are answers like any other: they say that it works. What counts is that no whole answer came. On the new side
 * a failure of the store counts, too, since it is nobody else's.
 */
function isFaultOf(side: Side, outcome: Outcome): boolean {
  if (outcome.kind !== 'failed' && outcome.kind !== 'cut') return false;
  const { blame } = outcome.failure;
  return side === 'legacy' ? blame === 'legacy' : blame !== 'caller';
}

function tellProfile(emit: Emit, written: Promise<string | undefined> | undefined): void {
  written
    ?.then((file) => file && emit({ type: 'profile_written', file }))
    .catch((error) => emit({ type: 'bug', where: 'profile', error: String(error) }));
}
