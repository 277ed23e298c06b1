import {
  type BanyanEvent,
  BREAKER_STATES,
  type BreakerState,
  type BreakerView,
  type FeatureName,
  type NewSideRest,
  SIDES,
  type Side,
} from '../vocabulary/index.ts';

/** What the workers tell of their breakers: each has its own, and a feature rests as soon as it does in one of them. */
export type CrewRest = Readonly<{
  newSide: NewSideRest;
  breakers(): readonly BreakerView[];
  knowFeatures(features: readonly Readonly<{ name: FeatureName }>[]): void;
  note(worker: number, event: BanyanEvent): void;
  forget(worker: number): void;
}>;

const UNLISTED = 'unlisted' as FeatureName;

export function openCrewRest(): CrewRest {
  const told = new Map<number, Map<string, BreakerState>>();
  let features: readonly FeatureName[] = [UNLISTED];
  const find = (feature: FeatureName | undefined, side: Side): BreakerState => {
    const key = nameKey(feature ?? UNLISTED, side);
    const states = [...told.values()].map((states) => BREAKER_STATES.indexOf(states.get(key) ?? 'closed'));
    return BREAKER_STATES[Math.max(0, ...states)] ?? 'closed';
  };
  return {
    newSide: {
      // No request is decided here; explaining asks what the next one would meet.
      isResting: (feature) => find(feature, 'new') !== 'closed',
      state: (feature) => find(feature, 'new'),
    },
    breakers: () =>
      features.flatMap((feature) => SIDES.map((side) => ({ feature, side, state: find(feature, side) }))),
    knowFeatures: (known) => {
      features = [...known.map(({ name }) => name), UNLISTED];
    },
    note: (worker, event) => {
      if (event.type !== 'breaker_changed') return;
      const states = told.get(worker) ?? new Map<string, BreakerState>();
      told.set(worker, states.set(nameKey(event.feature, event.side), event.state));
    },
    forget: (worker) => void told.delete(worker),
  };
}

const nameKey = (feature: FeatureName, side: Side) => `${side} ${feature}`;
