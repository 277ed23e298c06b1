import { type Bid, type Defend, type DefendOptions, openDefend } from '../../src/defend/index.ts';
import { type Emit, type FeatureName, fail, type Outcome, type Side } from '../../src/vocabulary/index.ts';

const BREAKER = { failedShare: 0.5, lastAnswers: 20, fewestAnswers: 5, restMs: 10_000 };

/** The room with limits that nothing meets, unless the test says otherwise. */
export function openTestDefend(emit: Emit = () => undefined, more: Partial<DefendOptions> = {}): Defend {
  return openDefend({
    emit,
    limits: { tenant: 1_000, streams: 1_000, feature: 1_000, instead: 1_000 },
    breaker: { legacy: BREAKER, new: BREAKER },
    shedLagMs: 60_000,
    profileFolder: undefined,
    ...more,
  });
}

export const breakerOf = (restMs: number) => ({ ...BREAKER, restMs });

/** Has a side of a feature end one request so. */
export function report(
  defend: Defend,
  feature: FeatureName | undefined,
  how: 'ok' | 'failed',
  side: Side = 'new',
): Promise<Outcome> {
  const failed = fail(side === 'new' ? 'new_failed' : 'legacy_broken_answer');
  const outcome: Outcome =
    how === 'ok' ? { kind: 'answered', status: 200 } : { kind: 'failed', failure: failed };
  return defend.guard({ ...bid(feature, side), asked: 'by_table' }, async () => outcome);
}

export function bid(feature: FeatureName | undefined, side: Side = 'new'): Bid {
  return {
    side,
    feature,
    caller: { kind: 'anonymous', tenant: undefined },
    peer: '192.0.2.1',
    manner: 'plain',
  };
}
