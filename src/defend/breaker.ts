import { performance } from 'node:perf_hooks';
import { CircuitState, CountBreaker, circuitBreaker, handleAll, type IBreaker } from 'cockatiel';
import type { BreakerState } from '../vocabulary/index.ts';

export type BreakerSettings = Readonly<{
  /** It opens when more than this share of the last answers failed; never at 1 … */
  failedShare: number;
  /** … of so many … */
  lastAnswers: number;
  /** … but not before there were so many. */
  fewestAnswers: number;
  /** How long the side rests before one request may try it, and how long that one has before the next may. */
  restMs: number;
}>;

/** `unknown`: nothing was learned of the side, as when the client has left. */
export type Verdict = 'ok' | 'failed' | 'unknown';

/** One request that was let through to the side. */
export type Trial = Readonly<{
  /** The side has begun to answer, so it is alive; a stream may go on for hours and has told enough by that. */
  began(manner: 'plain' | 'stream'): void;
  ended(verdict: Verdict): void;
}>;

export type SideBreaker = Readonly<{
  state(): BreakerState;
  /** Would the next request be kept from this side? Changes nothing. */
  isResting(): boolean;
  /** For how long nobody may try it, in ms. */
  restsForMs(): number;
  /**
   * Undefined: this request is kept from the side. After the rest one is let through as the probe; while nothing is heard of it, another one
   * after each further rest, so that no lost or hanging probe can keep the breaker half open.
   */
  admit(): Trial | undefined;
  /** From here on it tells nobody of its changes. */
  close(): void;
}>;

// cockatiel reads the wall clock. The rest is kept here, on a clock that nobody sets, and cockatiel may always be tried.
const AT_ANY_TIME = Number.NEGATIVE_INFINITY;

export function createSideBreaker(
  settings: BreakerSettings,
  onChange: (state: BreakerState) => void,
  nowMs: () => number = () => performance.now(),
): SideBreaker {
  const rule = chooseRule(settings);
  const policy = circuitBreaker(handleAll, { halfOpenAfter: AT_ANY_TIME, breaker: rule });
  /** How often it has opened. What was let through before the last time says nothing of the side as it is now. */
  let openings = 0;
  let nextTryMs = 0;
  let decideTest: (verdict: 'ok' | 'failed') => void = () => undefined;
  let tell = onChange;
  policy.onStateChange((state) => {
    if (state === CircuitState.Open) openings += 1;
    if (state === CircuitState.Open) nextTryMs = nowMs() + settings.restMs;
    tell(nameState(state));
  });
  const feed = (work: () => unknown) => void policy.execute(work).catch(() => undefined);
  const startTest = () => {
    const { promise, resolve } = Promise.withResolvers<'ok' | 'failed'>();
    decideTest = resolve;
    feed(() => promise.then(throwIfFailed));
  };
  const report = (verdict: Verdict) => {
    if (verdict === 'unknown') nextTryMs = Math.min(nextTryMs, nowMs());
    else if (policy.state === CircuitState.HalfOpen) decideTest(verdict);
    // All that the policy would do with it, without the promises: 0.1 µs instead of 1.5.
    else if (verdict === 'ok' && policy.state === CircuitState.Closed) rule.success(CircuitState.Closed);
    else feed(() => throwIfFailed(verdict));
  };
  const openTrial = (): Trial => {
    const admitted = openings;
    const isProbe = policy.state !== CircuitState.Closed;
    let isOver = false;
    const learn = (verdict: Verdict) => {
      if (admitted === openings) report(verdict);
    };
    return {
      began(manner) {
        if (isProbe || manner === 'stream') learn('ok');
        isOver ||= manner === 'stream';
      },
      ended(verdict) {
        if (!isOver) learn(verdict);
        isOver = true;
      },
    };
  };
  return {
    state: () => nameState(policy.state),
    isResting: () => policy.state !== CircuitState.Closed && nowMs() < nextTryMs,
    restsForMs: () => (policy.state === CircuitState.Closed ? 0 : Math.max(0, nextTryMs - nowMs())),
    admit() {
      if (policy.state === CircuitState.Closed) return openTrial();
      if (nowMs() < nextTryMs) return undefined;
      nextTryMs = nowMs() + settings.restMs;
      if (policy.state === CircuitState.Open) startTest();
      return openTrial();
    },
    close() {
      tell = () => undefined;
    },
  };
}

function chooseRule({ failedShare, lastAnswers, fewestAnswers }: BreakerSettings): IBreaker {
  if (failedShare >= 1) return NEVER;
  return new CountBreaker({ threshold: failedShare, size: lastAnswers, minimumNumberOfCalls: fewestAnswers });
}

const NEVER: IBreaker = { state: undefined, success: () => undefined, failure: () => false };

function nameState(state: CircuitState): BreakerState {
  if (state === CircuitState.Closed) return 'closed';
  return state === CircuitState.HalfOpen ? 'half_open' : 'open';
}

function throwIfFailed(verdict: 'ok' | 'failed'): void {
  if (verdict === 'failed') throw new Error('the side failed');
}
