import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type RehearsalWish,
  StateUnreachable,
  type TenantStore,
  type TenantTransaction,
} from '../../../src/store/index.ts';
import { MOST_UNDONE } from '../../../src/store/opening.ts';
import type { Position } from '../../../src/vocabulary/index.ts';
import { asSuperuser } from '../../support/database.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';

const COPIED = 0x1000;
const FAR = 0x2000;
const FARTHER = 0x3000;
const LAST = MOST_UNDONE + 1;

let house: TwoTenants;
beforeAll(async () => {
  house = await openTwoTenants({ poolSize: 2 });
  await inStore(
    `INSERT INTO banyan.follow_position VALUES ('slot', '0/1000', '0/0');
     INSERT INTO banyan.followed_tenant VALUES (1, 'slot', '0/0'), (2, 'slot', '0/0');
     DELETE FROM banyan.row_standing`,
  );
});
afterAll(() => house.close());

const inStore = (sql: string) => asSuperuser(sql, house.database.superUrl);
const waitMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const at = (position: number, manner: RehearsalWish['manner'] = 'read_write'): RehearsalWish => ({
  at: { position: BigInt(position) as Position, nextIds: {} },
  manner,
});
const NOW: RehearsalWish = { at: undefined, manner: 'read_write' };

/** New sessions of legacy, committed at one position, journalled as the follower does it. */
const follow = (position: number, from: number, to: number) =>
  inStore(
    `BEGIN; SELECT set_config('banyan.note', 'follow:0/${position.toString(16)}', true);
     INSERT INTO django_session SELECT 1, 'session-' || nr, 'data', now() FROM generate_series(${from}, ${to}) AS nr;
     UPDATE banyan.follow_position SET position = '0/${position.toString(16)}'; COMMIT`,
  );

const countSessions = (scope: TenantStore) =>
  scope.within((tx) => tx.djangoSession.count({ where: { tenantId: tx.tenantId } }));

/** What came of it, or why it could not be, and how long that took. */
async function timed(work: Promise<unknown>): Promise<Readonly<{ result: unknown; ms: number }>> {
  const beganMs = performance.now();
  const result = await work.catch((error: unknown) =>
    error instanceof StateUnreachable ? error.reason : error,
  );
  return { result, ms: performance.now() - beganMs };
}

describe('the way back', () => {
  test('is gone as far as the limit, and not begun where it is farther: that state is behind, at once', async () => {
    const { store, acme, globex } = house;
    await follow(FAR, 1, MOST_UNDONE);
    expect((await store.rehearsal(acme.name, 'x', at(COPIED), countSessions)).result).toBe(0);

    await follow(FARTHER, LAST, LAST);
    for (const manner of ['read_write', 'read_only'] as const) {
      const beyond = await timed(store.rehearsal(acme.name, 'x', at(COPIED, manner), countSessions));
      expect(beyond.result).toBe('behind');
      expect(beyond.ms).toBeLessThan(1_000);
    }
    expect((await store.rehearsal(acme.name, 'x', at(FAR), countSessions)).result).toBe(MOST_UNDONE);
    // Another tenant's way is its own.
    expect((await store.rehearsal(globex.name, 'x', at(COPIED), countSessions)).result).toBe(0);
  });
});

/** A user's transaction that holds a row until it is told to end. */
async function holdSession(nr: number): Promise<() => Promise<number>> {
  const [held, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { store, acme } = house;
  const holding = store.within(acme.name, async (tx) => {
    const { count } = await writeRow(tx, nr, 'held');
    held.resolve();
    await ended.promise;
    return count;
  });
  await held.promise;
  return () => {
    ended.resolve();
    return holding;
  };
}

const writeRow = (tx: TenantTransaction, nr: number, sessionData: string) =>
  tx.djangoSession.updateMany({
    where: { tenantId: tx.tenantId, sessionKey: `session-${nr}` },
    data: { sessionData },
  });
const writeSession = (nr: number) => (scope: TenantStore) =>
  scope.within((tx) => writeRow(tx, nr, 'rehearsed'));

describe('a lock that a user’s transaction holds', () => {
  // The role's own lock_timeout is 10 s.
  const PATIENCE_MS = 3_000;
  afterEach(() => inStore('DELETE FROM banyan.row_standing'));

  test('is waited for half a second and no longer, and the user notices nothing', async () => {
    const release = await holdSession(1);
    const { result, ms } = await timed(house.store.rehearsal(house.acme.name, 'x', NOW, writeSession(1)));
    expect(result).toBe('in_motion');
    expect(ms).toBeGreaterThan(450);
    expect(ms).toBeLessThan(PATIENCE_MS);
    await expect(release()).resolves.toBe(1);
  });

  test('makes what the rehearsal answers worth nothing, also where the handler goes on without that row', async () => {
    const release = await holdSession(1);
    const stubborn = (scope: TenantStore) => writeSession(1)(scope).catch(() => 'never mind');
    const { result } = await timed(house.store.rehearsal(house.acme.name, 'x', NOW, stubborn));
    expect(result).toBe('in_motion');
    await release();
  });

  test('stops the way back, too, at the first try', async () => {
    const release = await holdSession(LAST);
    const { result, ms } = await timed(house.store.rehearsal(house.acme.name, 'x', at(FAR), countSessions));
    expect(result).toBe('in_motion');
    expect(ms).toBeGreaterThan(450);
    expect(ms).toBeLessThan(PATIENCE_MS);
    await release();
  });

  test('may be on a whole table', async () => {
    const locked = inStore(
      'BEGIN; LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT',
    );
    await waitMs(300);
    const wish = { ...NOW, manner: 'read_only' } as const;
    const { result } = await timed(house.store.rehearsal(house.acme.name, 'x', wish, countSessions));
    expect(result).toBe('in_motion');
    await locked;
  });
});

test('a rehearsal has limits of its own, and leaves those of users’ transactions on the same connections as they were', async () => {
  const { store, acme } = house;
  type Limits = { lock: string; statement: string };
  const look = (scope: Pick<TenantStore, 'within'>) =>
    scope.within(
      (tx) => tx.$queryRaw<Limits[]>`
        SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement /* tenant_id */`,
    );
  for (let turn = 0; turn < 4; turn += 1) {
    const { result } = await store.rehearsal(acme.name, 'x', NOW, look);
    expect(result).toEqual([{ lock: '500ms', statement: '4s' }]);
    expect(await look(store.scope(acme.name, 'x'))).toEqual([{ lock: '10s', statement: '15s' }]);
  }
});
