import { expect, test } from '@jest/globals';
import { openCrewRest } from '../../../src/share/crew-rest.ts';
import type { BreakerState, FeatureName, Side } from '../../../src/vocabulary/index.ts';

const chat = 'chat' as FeatureName;
const changed = (side: Side, state: BreakerState) =>
  ({ type: 'breaker_changed', feature: chat, side, state }) as const;

test('a feature rests as soon as it does in one of the workers', () => {
  const rest = openCrewRest();
  rest.knowFeatures([{ name: chat }]);
  rest.note(1, changed('new', 'closed'));
  rest.note(2, changed('new', 'open'));
  expect(rest.newSide.isResting(chat)).toBe(true);
  expect(rest.newSide.state(chat)).toBe('open');
  expect(rest.breakers()).toEqual([
    { feature: 'chat', side: 'legacy', state: 'closed' },
    { feature: 'chat', side: 'new', state: 'open' },
    { feature: 'unlisted', side: 'legacy', state: 'closed' },
    { feature: 'unlisted', side: 'new', state: 'closed' },
  ]);
});

test('what a worker said of itself is gone with it', () => {
  const rest = openCrewRest();
  rest.knowFeatures([{ name: chat }]);
  rest.note(2, changed('legacy', 'half_open'));
  rest.forget(2);
  expect(rest.breakers().every(({ state }) => state === 'closed')).toBe(true);
  expect(rest.newSide.isResting(chat)).toBe(false);
});
