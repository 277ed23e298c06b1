import { type BreakerView, type Emit, type FeatureName, SIDES, type Side } from '../vocabulary/index.ts';
import { type BreakerSettings, createSideBreaker, type SideBreaker } from './breaker.ts';

/** What no feature lists has its breakers, too. */
export const UNLISTED = 'unlisted' as FeatureName;

/** One breaker per feature and side, for as long as the table lists the feature: a new table does not forget what is broken. */
export type BreakerBoard = Readonly<{
  find(feature: FeatureName | undefined, side: Side): SideBreaker;
  views(): readonly BreakerView[];
  keepOnly(features: readonly FeatureName[]): void;
  close(): void;
}>;

type Pair = Readonly<Record<Side, SideBreaker>>;

export function createBreakerBoard(
  settings: Readonly<Record<Side, BreakerSettings>>,
  emit: Emit,
): BreakerBoard {
  const pairs = new Map<FeatureName, Pair>();
  const open = (feature: FeatureName): Pair => {
    const openOne = (side: Side) =>
      createSideBreaker(settings[side], (state) => emit({ type: 'breaker_changed', feature, side, state }));
    const pair = { legacy: openOne('legacy'), new: openOne('new') };
    pairs.set(feature, pair);
    return pair;
  };
  const drop = (feature: FeatureName) => {
    for (const side of SIDES) {
      const breaker = pairs.get(feature)?.[side];
      // Whoever keeps its state, a gauge or a console, must not keep "open" of what is there no more.
      if (breaker?.state() !== 'closed') emit({ type: 'breaker_changed', feature, side, state: 'closed' });
      breaker?.close();
    }
    pairs.delete(feature);
  };
  // A request may still carry a feature that the newest table has dropped: it shares what the unlisted have.
  const find = (feature: FeatureName | undefined) =>
    (feature === undefined ? undefined : pairs.get(feature)) ?? pairs.get(UNLISTED) ?? open(UNLISTED);
  return {
    find: (feature, side) => find(feature)[side],
    views: () =>
      [...pairs].flatMap(([feature, pair]) =>
        SIDES.map((side) => ({ feature, side, state: pair[side].state() })),
      ),
    keepOnly(features) {
      const kept = new Set([...features, UNLISTED]);
      for (const name of [...pairs.keys()]) if (!kept.has(name)) drop(name);
      for (const name of kept) if (!pairs.has(name)) open(name);
    },
    close() {
      for (const pair of pairs.values()) for (const side of SIDES) pair[side].close();
      pairs.clear();
    },
  };
}
