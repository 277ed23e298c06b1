import { afterEach, describe, expect, test } from '@jest/globals';
import type { Defend, Stay } from '../../../src/defend/index.ts';
import {
  type BanyanEvent,
  type Caller,
  type FailureCode,
  type FeatureName,
  fail,
  type Outcome,
  type Side,
  type TenantName,
  type UserId,
} from '../../../src/vocabulary/index.ts';
import { bid, breakerOf, openTestDefend } from '../../support/defend.ts';

const ai = 'ai' as FeatureName;
const ANSWERED: Outcome = { kind: 'answered', status: 200 };
const failed = (code: FailureCode): Outcome => ({ kind: 'failed', failure: fail(code) });

const events: BanyanEvent[] = [];
let defend: Defend;
function open(more: Parameters<typeof openTestDefend>[1] = {}): Defend {
  events.splice(0);
  defend = openTestDefend((event) => events.push(event), more);
  defend.knowFeatures([{ name: ai, maxInFlight: 2 }]);
  return defend;
}
afterEach(() => defend.close());

type Work = (stay: Stay) => Promise<Outcome>;
let tenants = 0;
/** Each from another tenant, so that none of them is the reason for a refusal. */
const ask = (work: Work, side: Side = 'legacy', asked: 'by_table' | 'by_force' = 'by_table') => {
  tenants += 1;
  const caller: Caller = { kind: 'known', tenant: `tenant-${tenants}` as TenantName, ...NOBODY };
  return defend.guard({ ...bid(ai, side), caller, asked }, work);
};
const NOBODY = { user: 1 as UserId, scopes: [], by: 'api_key', credentialId: 'byn_test_12345678' } as const;
const stateOf = (side: Side) =>
  defend.breakers().find((each) => each.feature === ai && each.side === side)?.state;
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Ends so five times, on a side. */
async function endFive(work: Work, side: Side = 'legacy'): Promise<void> {
  for (let count = 0; count < 5; count += 1) await ask(work, side).catch(() => undefined);
  await settle();
}

describe('how a request ends on a side', () => {
  test.each<readonly [string, Side, Work, 'open' | 'closed']>([
    ['an answer', 'legacy', async () => ANSWERED, 'closed'],
    ['legacy’s own 500', 'legacy', async () => ({ kind: 'answered', status: 500 }), 'closed'],
    ['a client that left', 'legacy', async () => ({ kind: 'abandoned' }), 'closed'],
    ['a caller’s fault', 'legacy', async () => failed('body_too_large'), 'closed'],
    ['a bug of ours', 'legacy', async () => failed('internal_error'), 'closed'],
    ['no connection', 'legacy', async () => failed('legacy_unreachable'), 'open'],
    ['no answer in time', 'legacy', async () => failed('legacy_too_slow'), 'open'],
    [
      'half an answer',
      'legacy',
      async () => ({ kind: 'cut', status: 200, failure: fail('legacy_broken_answer') }),
      'open',
    ],
    ['a handler that threw', 'new', async () => failed('new_failed'), 'open'],
    ['a store that is away', 'new', async () => failed('store_unavailable'), 'open'],
    ['a caller’s fault', 'new', async () => failed('tenant_unknown'), 'closed'],
    ['work that throws', 'new', () => Promise.reject(new Error('a bug')), 'closed'],
  ])('%s on %s', async (_what, side, work, state) => {
    open();
    await endFive(work, side);
    expect(stateOf(side)).toBe(state);
    expect(stateOf(side === 'legacy' ? 'new' : 'legacy')).toBe('closed');
  });
});

describe('a place', () => {
  test.each<readonly [string, Work]>([
    ['an answer', async () => ANSWERED],
    ['a failure', async () => failed('legacy_too_slow')],
    ['a client that left', async () => ({ kind: 'abandoned' })],
    ['a throw', () => Promise.reject(new Error('a bug'))],
    [
      'a stream',
      async (stay) => {
        stay.answerBegan('stream');
        return ANSWERED;
      },
    ],
  ])('is free again after %s', async (_what, work) => {
    open({ breaker: { legacy: { ...breakerOf(1), failedShare: 1 }, new: breakerOf(1) } });
    for (let count = 0; count < 10; count += 1) await ask(work).catch(() => undefined);
    const [one, other] = [Promise.withResolvers<Outcome>(), Promise.withResolvers<Outcome>()];
    const held = [ask(() => one.promise), ask(() => other.promise)];
    expect(await ask(async () => ANSWERED)).toMatchObject({ failure: { code: 'legacy_busy' } });
    one.resolve(ANSWERED);
    other.resolve(ANSWERED);
    await Promise.all(held);
  });

  test('is asked for before the breaker, so that a request without one is no lost probe', async () => {
    open({ breaker: { legacy: breakerOf(1), new: breakerOf(1) } });
    const hold = Promise.withResolvers<Outcome>();
    const held = [
      ask(() => hold.promise, 'legacy', 'by_force'),
      ask(() => hold.promise, 'legacy', 'by_force'),
    ];
    defend.knowFeatures([{ name: ai, maxInFlight: 100 }]);
    await endFive(async () => failed('legacy_too_slow'));
    await new Promise((resolve) => setTimeout(resolve, 5));
    defend.knowFeatures([{ name: ai, maxInFlight: 2 }]);
    expect(await ask(async () => ANSWERED)).toMatchObject({ failure: { code: 'legacy_busy' } });
    expect(stateOf('legacy')).toBe('open');
    hold.resolve(ANSWERED);
    await Promise.all(held);
    expect(await ask(async () => ANSWERED)).toEqual(ANSWERED);
    await settle();
    expect(stateOf('legacy')).toBe('closed');
  });

  test('is kept over a new table, which counts anew only what comes', async () => {
    open();
    const hold = Promise.withResolvers<Outcome>();
    const held = [ask(() => hold.promise), ask(() => hold.promise)];
    defend.knowFeatures([]);
    defend.knowFeatures([{ name: ai, maxInFlight: 3 }]);
    expect(await ask(async () => ANSWERED)).toEqual(ANSWERED);
    defend.knowFeatures([{ name: ai, maxInFlight: 2 }]);
    expect(await ask(async () => ANSWERED)).toMatchObject({ failure: { code: 'legacy_busy' } });
    hold.resolve(ANSWERED);
    await Promise.all(held);
    expect(await ask(async () => ANSWERED)).toEqual(ANSWERED);
  });
});

describe('a side that rests', () => {
  test('is not asked, and the answer says when to come again', async () => {
    open({ breaker: { legacy: breakerOf(2_000), new: breakerOf(10_000) } });
    let asked = 0;
    const count: Work = async () => {
      asked += 1;
      return ANSWERED;
    };
    await endFive(async () => failed('legacy_too_slow'));
    await endFive(async () => failed('new_failed'), 'new');
    expect(await ask(count)).toMatchObject({
      failure: { code: 'legacy_unavailable', status: 503, blame: 'legacy', retryAfterS: 2, retrySafe: true },
    });
    expect(await ask(count, 'new')).toMatchObject({
      failure: { code: 'new_unavailable', blame: 'new', retryAfterS: 10 },
    });
    expect(asked).toBe(0);
  });

  test('is asked by whoever forces it, and learns nothing from that', async () => {
    open();
    await endFive(async () => failed('legacy_too_slow'));
    expect(await ask(async () => ANSWERED, 'legacy', 'by_force')).toEqual(ANSWERED);
    await settle();
    expect(stateOf('legacy')).toBe('open');
    for (let count = 0; count < 20; count += 1)
      await ask(async () => failed('new_failed'), 'new', 'by_force');
    await settle();
    expect(stateOf('new')).toBe('closed');
  });
});

test('only what legacy is asked earns second tries to legacy', async () => {
  open();
  while (defend.mayRetry());
  for (let count = 0; count < 100; count += 1) await ask(async () => ANSWERED, 'new');
  expect(defend.mayRetry()).toBe(false);
  for (let count = 0; count < 11; count += 1) await ask(async () => ANSWERED);
  expect(defend.mayRetry()).toBe(true);
});
