import type { BreakerState, Emit, FeatureName } from '../vocabulary/index.ts';
import { type BreakerSettings, createFeatureBreaker, type FeatureBreaker } from './feature-breaker.ts';
import type { FeatureEntry } from './table.ts';

/** One breaker per feature, for as long as the table lists it: a new table does not forget what is broken. */
export type BreakerBoard = Readonly<{
  find(feature: FeatureName | undefined): FeatureBreaker | undefined;
  states(): ReadonlyMap<FeatureName, BreakerState>;
  keepOnly(features: readonly FeatureEntry[]): void;
  close(): void;
}>;

export function createBreakerBoard(settings: BreakerSettings, emit: Emit): BreakerBoard {
  const breakers = new Map<FeatureName, FeatureBreaker>();
  const drop = (feature: FeatureName) => {
    breakers.get(feature)?.close();
    breakers.delete(feature);
  };
  return {
    find: (feature) => (feature === undefined ? undefined : breakers.get(feature)),
    states: () => new Map([...breakers].map(([feature, breaker]) => [feature, breaker.state()])),
    keepOnly(features) {
      const names = features.map(({ name }) => name);
      for (const name of [...breakers.keys()].filter((known) => !names.includes(known))) drop(name);
      for (const feature of names.filter((name) => !breakers.has(name)))
        breakers.set(
          feature,
          createFeatureBreaker(settings, (state) => emit({ type: 'breaker_changed', feature, state })),
        );
    },
    close: () => [...breakers.keys()].forEach(drop),
  };
}
