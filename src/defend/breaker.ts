import { type CircuitBreakerPolicy, CircuitState, CountBreaker, circuitBreaker, handleAll } from 'cockatiel';
import type { BreakerState } from '../vocabulary/index.ts';

export type BreakerSettings = Readonly<{
  /** It opens when more than this share of the last answers failed … */
  failedShare: number;
  /** … of so many … */
  lastAnswers: number;
  /** … but not before there were so many. */
  fewestAnswers: number;
  /** How long the side rests before one request may try it. */
  restMs: number;
}>;

export type SideBreaker = Readonly<{
  state(): BreakerState;
  /** Would the next request be kept from this side? Changes nothing. */
  isResting(): boolean;
  /**
   * Is this request kept from this side? After the rest, one request is let through as the probe; it counts as failed if nothing
   * is heard of it within `deadlineMs`, so that a lost probe cannot keep the breaker half open.
   */
  holdsBack(deadlineMs: number): boolean;
  report(outcome: 'ok' | 'failed'): void;
  close(): void;
}>;

type Probe = Readonly<{ settle(outcome: 'ok' | 'failed'): void }>;

export function createSideBreaker(
  settings: BreakerSettings,
  onChange: (state: BreakerState) => void,
): SideBreaker {
  const { failedShare, lastAnswers, fewestAnswers, restMs } = settings;
  const breaker = new CountBreaker({
    threshold: failedShare,
    size: lastAnswers,
    minimumNumberOfCalls: fewestAnswers,
  });
  const policy = circuitBreaker(handleAll, { halfOpenAfter: restMs, breaker });
  let restsUntil = 0;
  let probe: Probe | undefined;
  policy.onStateChange((state) => {
    if (state === CircuitState.Open) restsUntil = Date.now() + restMs;
    onChange(nameState(state));
  });
  const isRestOver = () => Date.now() >= restsUntil;
  return {
    state: () => nameState(policy.state),
    isResting: () =>
      policy.state !== CircuitState.Closed && !(policy.state === CircuitState.Open && isRestOver()),
    holdsBack(deadlineMs) {
      if (policy.state === CircuitState.Closed) return false;
      if (policy.state !== CircuitState.Open || !isRestOver()) return true;
      probe = startProbe(policy, deadlineMs);
      return readState(policy) !== CircuitState.HalfOpen;
    },
    report(outcome) {
      if (policy.state === CircuitState.HalfOpen) probe?.settle(outcome);
      else if (policy.state === CircuitState.Closed) feed(policy, () => answerOrThrow(outcome));
    },
    close: () => probe?.settle('failed'),
  };
}

// The compiler believes that `policy.state` is still what it was before the call that changes it.
const readState = (policy: CircuitBreakerPolicy): CircuitState => policy.state;

function nameState(state: CircuitState): BreakerState {
  if (state === CircuitState.Closed) return 'closed';
  return state === CircuitState.HalfOpen ? 'half_open' : 'open';
}

function feed(policy: CircuitBreakerPolicy, run: () => void | Promise<void>): void {
  policy.execute(run).catch(() => {});
}

function answerOrThrow(outcome: 'ok' | 'failed'): void {
  if (outcome === 'failed') throw new Error('the side failed');
}

function startProbe(policy: CircuitBreakerPolicy, deadlineMs: number): Probe {
  const { promise, resolve } = Promise.withResolvers<'ok' | 'failed'>();
  const timer = setTimeout(resolve, deadlineMs, 'failed').unref();
  feed(policy, () => promise.then(answerOrThrow));
  return {
    settle(outcome) {
      clearTimeout(timer);
      resolve(outcome);
    },
  };
}
