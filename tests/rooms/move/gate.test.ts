import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { Gate, type TenureView, type Turn } from '../../../src/move/index.ts';
import type { Failure, FeatureName, TenantName, Tenure } from '../../../src/vocabulary/index.ts';

const ACME = 'acme' as TenantName;
const CHAT = 'chat' as FeatureName;

const view = (epoch: number, tenure: Tenure, moved: readonly string[] = ['chat']): TenureView => ({
  epoch,
  moved: new Set(moved as FeatureName[]),
  of: (tenant, feature) =>
    tenant === ACME && feature === CHAT ? tenure : { owner: 'legacy', step: 'settled' },
});
const LEGACYS: Tenure = { owner: 'legacy', step: 'settled' };
const LATER = 1_000_000;

type Cuts = Failure[];
const write = (gate: Gate, manner: 'request' | 'stream' = 'request', cuts: Cuts = [], tenant = 'acme') =>
  gate.enter({ tenant: tenant as TenantName, feature: CHAT, manner, cut: (failure) => cuts.push(failure) });
const open = (tenure: Tenure, longestMs = 50) => {
  const gate = new Gate({ longestMs, nowMs: () => 0 });
  gate.know(view(2, tenure), LATER);
  return gate;
};

describe('a write', () => {
  test('goes in at once where nobody moves its feature, whatever is known of leases', () => {
    const gate = new Gate({ nowMs: () => 0 });
    expect(write(gate)).not.toBeInstanceOf(Promise);
    expect(gate.ownerOf(ACME, CHAT)).toBeUndefined();
  });

  test('goes in at once where its owner is settled', () => {
    const gate = open({ owner: 'new', step: 'settled' });
    expect(write(gate)).not.toBeInstanceOf(Promise);
    expect(gate.ownerOf(ACME, CHAT)).toBe('new');
    gate.close();
  });

  test.each(['holding', 'switched'] as const)(
    'waits while the step is %s, and goes in once it is settled',
    async (step) => {
      const gate = open({ owner: 'legacy', step }, 5_000);
      const waiting = write(gate);
      expect(waiting).toBeInstanceOf(Promise);
      expect(gate.waiting).toBe(1);
      gate.know(view(3, { owner: 'new', step: 'settled' }), LATER);
      expect(await waiting).toMatchObject({ leave: expect.any(Function) });
      expect(gate.waiting).toBe(0);
      gate.close();
    },
  );

  test('of another tenant does not wait', () => {
    const gate = open({ owner: 'legacy', step: 'holding' });
    expect(write(gate, 'request', [], 'globex')).not.toBeInstanceOf(Promise);
    gate.close();
  });

  test('that has waited too long is refused with a time after which to come again', async () => {
    const gate = open({ owner: 'legacy', step: 'holding' }, 20);
    expect(await write(gate)).toMatchObject({
      code: 'write_held',
      status: 503,
      retryAfterS: 1,
      retrySafe: true,
    });
    gate.close();
  });

  test('is not let in on what nobody vouches for any more', async () => {
    const gate = new Gate({ longestMs: 20, nowMs: () => 100 });
    gate.know(view(2, LEGACYS), 99);
    expect(await write(gate)).toMatchObject({ code: 'owner_unknown', status: 503 });
    gate.close();
  });
});

describe('quiet', () => {
  test('comes when the last write has left that began under the owner before, and not sooner', async () => {
    const gate = open(LEGACYS);
    const [one, two] = [write(gate) as Turn, write(gate) as Turn];
    gate.know(view(3, { owner: 'legacy', step: 'holding' }), LATER);
    let isLess = false;
    const less = gate.whenLessBusy().then(() => {
      isLess = true;
    });
    one.leave();
    one.leave();
    await wait(5);
    expect(isLess).toBe(false);
    expect(gate.busy()).toEqual([{ tenant: 'acme', feature: 'chat' }]);
    two.leave();
    await less;
    expect(gate.busy()).toEqual([]);
    gate.close();
  });

  test('does not wait for writes of tenants whose owner stays', () => {
    const gate = open(LEGACYS);
    write(gate, 'request', [], 'globex');
    gate.know(view(3, { owner: 'legacy', step: 'holding' }), LATER);
    expect(gate.busy()).toEqual([]);
    gate.close();
  });

  test('is brought about by ending streams, which have no end of their own', () => {
    const gate = open(LEGACYS);
    const cuts: Cuts = [];
    const turn = write(gate, 'stream', cuts) as Turn;
    gate.know(view(3, { owner: 'legacy', step: 'holding' }), LATER);
    expect(cuts).toMatchObject([{ code: 'write_held' }]);
    turn.leave();
    expect(gate.busy()).toEqual([]);
    gate.close();
  });
});

test('what is under way when the lease ends is cut: it may have been carried out, and is not acknowledged', async () => {
  const gate = new Gate();
  gate.know(view(2, LEGACYS), performance.now() + 30);
  const [cuts, others]: [Cuts, Cuts] = [[], []];
  write(gate, 'request', cuts);
  gate.enter({
    tenant: ACME,
    feature: 'files' as FeatureName,
    manner: 'request',
    cut: (one) => others.push(one),
  });
  await wait(60);
  expect(cuts).toMatchObject([{ code: 'owner_unknown', retrySafe: false }]);
  // Nobody moves files.
  expect(others).toEqual([]);
  gate.close();
});

test('a lease that is renewed in time cuts nothing', async () => {
  const gate = new Gate();
  gate.know(view(2, LEGACYS), performance.now() + 30);
  const cuts: Cuts = [];
  write(gate, 'request', cuts);
  gate.know(view(2, LEGACYS), performance.now() + 500);
  await wait(60);
  expect(cuts).toEqual([]);
  gate.close();
});
