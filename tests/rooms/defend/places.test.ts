import { describe, expect, test } from '@jest/globals';
import { type Bid, openPlaces, type Place, type PlaceLimits } from '../../../src/defend/places.ts';
import { type Caller, type FeatureName, isFailure, type TenantName } from '../../../src/vocabulary/index.ts';

const LIMITS: PlaceLimits = { tenant: 3, streams: 2, feature: 8, instead: 2, ofFeature: () => undefined };

function callerOf(tenant: string): Caller {
  return {
    kind: 'known',
    tenant: tenant as TenantName,
    user: 1 as never,
    scopes: [],
    by: 'api_key',
    credentialId: 'byn_test_12345678',
  };
}

const strangerOf = (tenant?: string): Caller => ({ kind: 'anonymous', tenant: tenant as TenantName });

const bid = (more: Partial<Omit<Bid, 'feature'>> & Readonly<{ feature?: string }> = {}): Bid => ({
  side: 'legacy',
  caller: callerOf('acme'),
  peer: '192.0.2.1',
  manner: 'plain',
  ...more,
  feature: more.feature as FeatureName,
});

function open(limits: Partial<PlaceLimits> = {}) {
  const take = openPlaces({ ...LIMITS, ...limits });
  const tryOne = (wish: Bid): string | Place => {
    const place = take(wish);
    return isFailure(place) ? place.code : place;
  };
  return {
    tryOne,
    take(wish: Bid): Place {
      const place = tryOne(wish);
      if (typeof place === 'string') throw new Error(place);
      return place;
    },
    /** How many more of these there is a place for; leaves none taken. */
    count(wish: Bid): number {
      const taken: Place[] = [];
      for (let place = tryOne(wish); typeof place !== 'string'; place = tryOne(wish)) taken.push(place);
      for (const place of taken) place.leave();
      return taken.length;
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a tenant', () => {
  test('has so many places, whatever it asks for, and takes none of another tenant', () => {
    const { take, tryOne } = open();
    for (const feature of ['ai', 'chat', 'files']) take(bid({ feature }));
    expect(tryOne(bid({ feature: 'login' }))).toBe('tenant_busy');
    expect(tryOne(bid({ side: 'new' }))).toBe('tenant_busy');
    expect(typeof tryOne(bid({ caller: callerOf('globex') }))).toBe('object');
  });

  test('is told to come back soon', () => {
    const places = openPlaces({ ...LIMITS, tenant: 0 });
    expect(places(bid())).toMatchObject({ status: 429, blame: 'caller', retryAfterS: 1, retrySafe: true });
  });

  test('does not lose its places to those who only name it', () => {
    const { take, count } = open();
    for (const feature of ['ai', 'chat', 'ai']) take(bid({ caller: strangerOf('acme'), feature }));
    expect(count(bid({ caller: strangerOf('acme'), feature: 'ai' }))).toBe(0);
    expect(count(bid({ caller: callerOf('acme'), feature: 'ai' }))).toBe(3);
  });

  test('that nobody names is the address that asks', () => {
    const { take, count } = open();
    for (let at = 0; at < 3; at += 1) take(bid({ caller: strangerOf() }));
    expect(count(bid({ caller: strangerOf() }))).toBe(0);
    expect(count(bid({ caller: strangerOf(), peer: '192.0.2.2' }))).toBe(3);
  });
});

describe('a feature', () => {
  const many = { tenant: 100 };
  /** Of so many tenants that none of them is the reason for a refusal. */
  const tenants = ['acme', 'globex', 'initech', 'umbrella', 'hooli', 'pied-piper', 'soylent', 'tyrell'];
  const takeEach = ({ take }: ReturnType<typeof open>, wish: Parameters<typeof bid>[0]) =>
    tenants.map((name) => take(bid({ ...wish, caller: callerOf(name) })));

  test('has so many places on each side, and takes none of another feature', () => {
    const places = open(many);
    takeEach(places, { feature: 'dashboard' });
    expect(places.tryOne(bid({ feature: 'dashboard', caller: callerOf('stark') }))).toBe('legacy_busy');
    for (const other of [{ feature: 'dashboard', side: 'new' }, { feature: 'login' }, {}] as const)
      expect(takeEach(places, other)).toHaveLength(8);
  });

  test('is refused in the name of the side that is full', () => {
    const { tryOne, take } = open({ feature: 1 });
    take(bid({ caller: callerOf('globex') }));
    take(bid({ caller: callerOf('globex'), side: 'new' }));
    expect([tryOne(bid()), tryOne(bid({ side: 'new' }))]).toEqual(['legacy_busy', 'new_busy']);
  });

  test('is never taken by more than half by one tenant, which is told that it is the reason', () => {
    const { take, tryOne, count } = open(many);
    for (let at = 0; at < 4; at += 1) take(bid({ feature: 'ai' }));
    expect(tryOne(bid({ feature: 'ai' }))).toBe('tenant_busy');
    expect(count(bid({ feature: 'ai', caller: callerOf('globex') }))).toBe(4);
    expect(count(bid({ feature: 'chat' }))).toBe(4);
    expect(count(bid({ feature: 'ai', side: 'new' }))).toBe(4);
  });

  test('a refusal there costs the tenant no place', () => {
    const { take, count } = open({ feature: 1 });
    take(bid({ feature: 'ai', caller: callerOf('globex') }));
    expect(count(bid({ feature: 'ai' }))).toBe(0);
    expect(count(bid({ feature: 'chat' }))).toBe(1);
  });

  test('has as many as the table says, and another number with another table', () => {
    let most: number | undefined = 2;
    const { count } = open({ ...many, ofFeature: (name) => (name === 'ai' ? most : undefined) });
    expect(count(bid({ feature: 'ai' }))).toBe(1);
    most = 10;
    expect(count(bid({ feature: 'ai' }))).toBe(5);
    expect(count(bid({ feature: 'chat' }))).toBe(4);
  });

  test('has places of their own for what legacy answers in the place of the new side', () => {
    const places = open({ ...many, instead: 4 });
    takeEach(places, { feature: 'ai' });
    expect(places.count(bid({ feature: 'ai', manner: 'instead' }))).toBe(2);
    const small = open({ ...many, instead: 4, ofFeature: () => 2 });
    expect(small.count(bid({ feature: 'ai', manner: 'instead' }))).toBe(1);
  });

  test('always keeps some for callers who have said who they are', () => {
    const { take, count, tryOne } = open(many);
    for (let at = 0; at < 6; at += 1) take(bid({ caller: strangerOf(), peer: `192.0.2.${at}` }));
    expect(tryOne(bid({ caller: strangerOf(), peer: '192.0.2.9' }))).toBe('legacy_busy');
    expect(count(bid({ caller: callerOf('acme') }))).toBe(2);
  });
});

describe('a stream', () => {
  test('without an end of its own is counted apart', () => {
    const { take, count } = open();
    for (let at = 0; at < 2; at += 1) take(bid({ manner: 'stream' }));
    expect(count(bid({ manner: 'stream' }))).toBe(0);
    expect(count(bid())).toBe(3);
  });

  test('into which an answer turns gives its place back, and takes one among the streams', () => {
    const { take, count } = open();
    const place = take(bid());
    place.becomeStream();
    place.becomeStream();
    expect([count(bid()), count(bid({ manner: 'stream' }))]).toEqual([3, 1]);
    place.leave();
    expect([count(bid()), count(bid({ manner: 'stream' }))]).toEqual([3, 2]);
  });

  test('for which there is none among the streams keeps the place that it has', () => {
    const { take, count } = open({ streams: 1 });
    const places = [take(bid()), take(bid()), take(bid())];
    for (const place of places) place.becomeStream();
    expect(count(bid())).toBe(1);
    for (const place of places) place.leave();
    expect([count(bid()), count(bid({ manner: 'stream' }))]).toEqual([3, 1]);
  });
});

describe('a place', () => {
  test('is given back once, however often it is left', () => {
    const { take, count } = open();
    const place = take(bid());
    take(bid());
    for (let at = 0; at < 5; at += 1) place.leave();
    expect(count(bid())).toBe(2);
  });

  test('that has been left can no longer become a stream, nor be kept', async () => {
    const { take, count } = open();
    const place = take(bid());
    place.leave();
    place.becomeStream();
    place.keepUntil(Promise.resolve());
    await settle();
    expect([count(bid()), count(bid({ manner: 'stream' }))]).toEqual([3, 2]);
  });

  test('is kept until everything has ended that goes on in it, well or not', async () => {
    const { take, count } = open();
    const place = take(bid({ feature: 'ai' }));
    const [one, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    place.keepUntil(one.promise);
    place.keepUntil(other.promise);
    place.leave();
    expect(count(bid())).toBe(2);
    one.resolve();
    await settle();
    expect(count(bid())).toBe(2);
    other.reject(new Error('ended badly'));
    await settle();
    expect(count(bid())).toBe(3);
  });
});

test('what a known caller takes counts, however many strangers have come and gone meanwhile', () => {
  const { take, tryOne } = open({ tenant: 2 });
  const caller = callerOf('acme');
  const held = take(bid({ caller }));
  for (let i = 0; i < 10_000; i += 1)
    take(bid({ caller: strangerOf(), peer: `peer ${i}`, feature: 'files' })).leave();

  // The same caller, and the same tenant's other one.
  const second = take(bid({ caller }));
  expect(tryOne(bid({ caller }))).toBe('tenant_busy');
  expect(tryOne(bid({ caller: callerOf('acme') }))).toBe('tenant_busy');

  held.leave();
  second.leave();
  for (let i = 0; i < 10_000; i += 1) take(bid({ caller: strangerOf(), peer: `peer ${i}` })).leave();
  // Whose compartments were forgotten meanwhile: both are counted in the same ones again.
  take(bid({ caller }));
  take(bid({ caller: callerOf('acme') }));
  expect(tryOne(bid({ caller }))).toBe('tenant_busy');
});
