import {
  type BreakerView,
  type Emit,
  type Failure,
  type FeatureName,
  fail,
  type NewSideRest,
  type Outcome,
  type Side,
} from '../vocabulary/index.ts';
import type { BreakerSettings } from './breaker.ts';
import { createBreakerBoard } from './breaker-board.ts';
import { guard, type Request, type Stay } from './guard.ts';
import { watchLag } from './lag-watch.ts';
import { openPlaces, type PlaceLimits } from './places.ts';
import { openProfiler } from './profile.ts';
import { createRetryBudget } from './retry-budget.ts';

export type DefendOptions = Readonly<{
  emit: Emit;
  limits: Omit<PlaceLimits, 'ofFeature'>;
  breaker: Readonly<Record<Side, BreakerSettings>>;
  /** Event-loop lag from which on new work is refused, in ms. */
  shedLagMs: number;
  /** Where a CPU profile is written when that happens. */
  profileFolder: string | undefined;
}>;

type FeatureLimit = Readonly<{ name: FeatureName; maxInFlight: number | undefined }>;

export type Defend = Readonly<{
  /** Why no new work is taken on at all at the moment, if so. */
  refuseWork(): Failure | undefined;
  /** Does `work` in a place on a side, or answers at once why there is none. How it ends feeds the side's breaker. */
  guard(request: Request, work: (stay: Stay) => Promise<Outcome>): Promise<Outcome>;
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
    refuseWork: () => (lag.isShedding() ? fail('overloaded', { retryAfterS: SHED_S }) : undefined),
    guard: (request, work) => guard({ board, budget, take }, request, work),
    mayRetry: () => budget.spend(),
    newSide: {
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

const SHED_S = 2;

function tellProfile(emit: Emit, written: Promise<string | undefined> | undefined): void {
  written
    ?.then((file) => file && emit({ type: 'profile_written', file }))
    .catch((error) => emit({ type: 'bug', where: 'profile', error: String(error) }));
}
