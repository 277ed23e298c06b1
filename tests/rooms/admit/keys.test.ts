import { afterEach, describe, expect, test } from '@jest/globals';
import { type Admit, type AdmitWish, createApiKey, KeyWishRefusal } from '../../../src/admit/index.ts';
import { arriveAt, keyBookOf, openRoom, stoppedClock, tenant, user, withHeaders } from './support.ts';
import { type Caller, type Failure, isFailure, type KeyRecord } from './words.ts';

const open: Admit[] = [];
afterEach(() => {
  for (const admit of open.splice(0)) admit.close();
});

function room(wish: Partial<AdmitWish>) {
  const opened = openRoom(wish);
  open.push(opened.admit);
  return opened;
}

const HOUR_MS = 3_600_000;
const make = (more: Partial<Parameters<typeof createApiKey>[0]> = {}) =>
  createApiKey({
    env: 'live',
    tenant: tenant('acme'),
    user: user(3),
    scopes: ['read'],
    label: 'ci',
    expiresAt: undefined,
    ...more,
  });

const asked = (admit: Admit, key: string) =>
  admit.identify(
    arriveAt(admit, { headers: ['Host', 'localhost', 'Authorization', `Bearer ${key}`] }),
    'required',
  );
const answer = async (admit: Admit, key: string) => said(await asked(admit, key));
const said = (caller: Caller | Failure) => (isFailure(caller) ? caller.code : caller.kind);
const expectSync = (value: unknown) => expect(value).not.toBeInstanceOf(Promise);

describe('a new key', () => {
  test('is recognised by its shape, kept only as a hash, and named by its public part', () => {
    const { key, record } = make();

    expect(key).toMatch(/^byn_live_[0-9A-Za-z]{38}$/);
    expect(record).toMatchObject({
      tenant: 'acme',
      user: 3,
      scopes: ['read'],
      label: 'ci',
      revokedAt: undefined,
    });
    expect(record.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(record.id).toBe(key.slice(0, 'byn_live_'.length + 8));
    expect(JSON.stringify(record)).not.toContain(key.slice(-30));
    expect(make().key).not.toBe(key);
  });

  test.each([
    ['the name demo', { env: 'demo' }, /not "demo"/],
    ['a name with capitals', { env: 'Live' }, /a-z and 0-9/],
    ["one of the gateway's own scopes", { scopes: ['read', 'banyan.session'] }, /gateway's own/],
    ['the same in capitals', { scopes: ['BANYAN.session'] }, /gateway's own/],
    ['a scope with a space', { scopes: ['read write'] }, /visible characters/],
    ['an end in the past', { expiresAt: new Date(0) }, /expired from the start/],
    ['an end that is no date', { expiresAt: new Date(Number.NaN) }, /expired from the start/],
  ])('cannot have %s', (_name, more, why) => {
    expect(() => make(more)).toThrow(KeyWishRefusal);
    expect(() => make(more)).toThrow(why);
  });
});

describe('a key', () => {
  test('names its tenant, user and scopes by either header', async () => {
    const { key, record } = make();
    const { admit } = room({ keys: keyBookOf(record) });
    const expected = {
      kind: 'known',
      tenant: 'acme',
      user: 3,
      scopes: ['read'],
      by: 'api_key',
      credentialId: record.id,
    };

    expect(await asked(admit, key)).toEqual(expected);
    expect(
      await admit.identify(arriveAt(admit, { headers: withHeaders('X-API-Key', key) }), 'required'),
    ).toEqual(expected);
  });

  test('with a typing error is refused before the store is asked', async () => {
    const { key, record } = make();
    const keys = keyBookOf(record);
    const { admit } = room({ keys });
    const swap = (at: number) => key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1);

    for (const typo of [
      swap(12),
      swap(20),
      swap(key.length - 1),
      key.slice(0, -1),
      `${key}a`,
      key.toLowerCase(),
      'byn_',
      'byn_live_',
      'nonsense',
      '',
    ]) {
      expect(await answer(admit, typo)).toBe('credential_invalid');
    }
    expect(keys.asked).toBe(0);
  });

  test('that nobody knows is refused, and asked for once in five seconds', async () => {
    const clock = stoppedClock();
    const keys = keyBookOf();
    const { admit } = room({ keys, clock });
    const { key, record } = make();

    expect(await answer(admit, key)).toBe('credential_invalid');
    expect(await answer(admit, key)).toBe('credential_invalid');
    expect(keys.asked).toBe(1);

    await keys.add(record);
    clock.pass(5_001);
    expect(await answer(admit, key)).toBe('known');
  });

  test('is looked up once for a hundred who bring it at the same time, and answered at once from then on', async () => {
    const { key, record } = make();
    const keys = keyBookOf(record);
    const { admit } = room({ keys });

    const answers = await Promise.all(Array.from({ length: 100 }, () => answer(admit, key)));

    expect(new Set(answers)).toEqual(new Set(['known']));
    expect(keys.asked).toBe(1);
    expectSync(asked(admit, key));
  });

  test('is believed for a minute and then asked for again', async () => {
    const clock = stoppedClock();
    const { key, record } = make();
    const keys = keyBookOf(record);
    const { admit } = room({ keys, clock });

    await answer(admit, key);
    clock.pass(59_999);
    expectSync(asked(admit, key));
    clock.pass(1);
    await answer(admit, key);

    expect(keys.asked).toBe(2);
  });

  test('is never believed past its end, cached or not', async () => {
    const clock = stoppedClock(Date.now());
    const { key, record } = make({ expiresAt: new Date(clock.wallMs() + 10_000) });
    const { admit } = room({ keys: keyBookOf(record), clock });

    expect(await answer(admit, key)).toBe('known');
    clock.pass(9_999);
    expect(await answer(admit, key)).toBe('known');
    clock.pass(1);
    expect(await answer(admit, key)).toBe('credential_expired');
  });

  test('loses a scope of the gateway’s own, whoever wrote it into the record', async () => {
    const { key, record } = make();
    const planted: KeyRecord = { ...record, scopes: ['read', 'banyan.session'] };
    const { admit } = room({ keys: keyBookOf(planted) });

    expect(await asked(admit, key)).toMatchObject({ scopes: ['read'] });
  });
});

describe('a revoked key', () => {
  test('is refused by every instance within two seconds, cached or not', async () => {
    const { key, record } = make();
    const keys = keyBookOf(record);
    const rooms = [room({ keys }), room({ keys })];
    for (const { admit } of rooms) expect(await answer(admit, key)).toBe('known');

    await keys.revoke(record.id, new Date());
    await new Promise((resolve) => setTimeout(resolve, 2_000));

    for (const { admit } of rooms) expectSync(asked(admit, key));
    for (const { admit } of rooms) expect(await answer(admit, key)).toBe('credential_revoked');
  });

  test('is refused even if the look-up began before and ends after', async () => {
    const { key, record } = make();
    const keys = keyBookOf(record);
    const slow = Promise.withResolvers<void>();
    const find = keys.find;
    keys.find = async (hash) => {
      const found = await find(hash);
      await slow.promise;
      return found;
    };
    const { admit } = room({ keys });
    const waiting = answer(admit, key);

    await keys.revoke(record.id, new Date());
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    slow.resolve();

    expect(await waiting).toBe('credential_revoked');
  });

  test('is refused where nothing was cached', async () => {
    const { key, record } = make();
    const { admit } = room({ keys: keyBookOf({ ...record, revokedAt: new Date(Date.now() - HOUR_MS) }) });

    expect(await answer(admit, key)).toBe('credential_revoked');
  });
});

describe('while the store is down', () => {
  test('an unknown key is not called bad, and one that was seen a moment ago works on', async () => {
    const [seen, unseen] = [make(), make()];
    const keys = keyBookOf(seen.record, unseen.record);
    const { admit, events } = room({ keys });
    await answer(admit, seen.key);

    keys.isDown = true;

    expect(await answer(admit, seen.key)).toBe('known');
    expect(await asked(admit, unseen.key)).toMatchObject({
      code: 'store_unavailable',
      status: 503,
      retrySafe: true,
      retryAfterS: 1,
    });
    expect(events).toEqual([]);

    keys.isDown = false;
    expect(await answer(admit, unseen.key)).toBe('known');
  });

  test('a bug in it is told by its name only', async () => {
    const { key, record } = make();
    const keys = keyBookOf(record);
    keys.find = async (hash) => {
      throw new RangeError(`no row for ${hash}`);
    };
    const { admit, events } = room({ keys });

    expect(await answer(admit, key)).toBe('store_unavailable');
    expect(events).toEqual([{ type: 'bug', where: 'admit: API keys', error: 'RangeError' }]);
  });
});

describe('a demo key', () => {
  test.each([
    ['acme', 'acme'],
    ['tenant-005', 'tenant-005'],
  ])('byn_demo_%s belongs to user 1 of %s', async (name, named) => {
    const { admit } = room({});

    expect(await asked(admit, `byn_demo_${name}`)).toEqual({
      kind: 'known',
      tenant: named,
      user: 1,
      scopes: ['read', 'write'],
      by: 'api_key',
      credentialId: `byn_demo_${name}`,
    });
    expectSync(asked(admit, `byn_demo_${name}`));
  });

  test.each([
    ['byn_demo_nobody'],
    ['byn_demo_'],
    ['byn_demo_ACME'],
    ['byn_demo_acme '],
    ["byn_demo_acme'--"],
    ['byn_demo___proto__'],
  ])('%p is none', async (key) => {
    const { admit } = room({});
    const headers = ['Host', 'localhost', 'X-API-Key', `${key}${key.endsWith(' ') ? 'x' : ''}`];

    expect(said(await admit.identify(arriveAt(admit, { headers }), 'required'))).toBe('credential_invalid');
  });

  test('is worth nothing where demo keys are refused', async () => {
    const { admit } = room({ demoKeys: 'refused', keys: keyBookOf() });

    expect(await answer(admit, 'byn_demo_acme')).toBe('credential_invalid');
  });

  test('waits for a registry that answers later, and is not called bad where it cannot answer', async () => {
    const later = room({ isTenant: async (name) => name === 'acme' });
    const broken = room({
      isTenant: () => {
        throw new Error('down');
      },
    });

    expect(await answer(later.admit, 'byn_demo_acme')).toBe('known');
    expect(await answer(later.admit, 'byn_demo_globex')).toBe('credential_invalid');
    expect(await answer(broken.admit, 'byn_demo_acme')).toBe('store_unavailable');
  });
});
