import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { KeyRecord, Revision, TenantName, UserId } from '../../../src/vocabulary/index.ts';
import { asSuperuser } from '../../support/database.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';

let house: TwoTenants;
beforeAll(async () => {
  house = await openTwoTenants();
});
afterAll(() => house.close());

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

async function asAppRole(sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: house.database.appUrl });
  await client.connect();
  return client.query(sql).finally(() => client.end());
}

describe('the key book', () => {
  const key: KeyRecord = {
    id: 'byn_test_abcdefgh',
    hash: sha256('the key'),
    tenant: 'acme' as TenantName,
    user: 1 as UserId,
    scopes: ['read', 'qa'],
    label: 'for tests',
    createdAt: new Date('2026-01-05T09:30:00.000Z'),
    expiresAt: undefined,
    revokedAt: undefined,
  };

  test('finds a key by its hash only, and lists it', async () => {
    const { keys } = house.store;
    await keys.add(key);
    expect(await keys.find(key.hash)).toEqual(key);
    expect(await keys.find(sha256('another'))).toBeUndefined();
    expect(await keys.list()).toEqual([key]);
  });

  test('revokes a key once and for all, and tells every instance', async () => {
    const { keys } = house.store;
    const at = new Date();
    expect(await keys.revoke(key.id, at)).toEqual({ ...key, revokedAt: at });
    expect(await keys.revoke(key.id, new Date(at.getTime() + 5_000))).toEqual({ ...key, revokedAt: at });
    expect(await keys.revoke('byn_test_none', at)).toBeUndefined();
    expect(await keys.revokedSince(at)).toEqual([key.hash]);
    expect(await keys.revokedSince(new Date(at.getTime() + 3_600_000))).toEqual([]);
  });

  test.each(["UPDATE banyan.api_key SET tenant = 'globex'", 'DELETE FROM banyan.api_key'])(
    'the app role may not change what a key may do: %s',
    async (sql) => {
      await expect(asAppRole(sql)).rejects.toThrow(/permission denied/);
    },
  );
});

describe('the session book', () => {
  const sessionKey = 'k'.repeat(32);
  const data = JSON.stringify({ _auth_user_id: '1', _auth_user_backend: 'x', _auth_user_hash: 'y' });
  const plain = `${Buffer.from(data).toString('base64url')}:1vTest:signature`;
  const deflated = `.${deflateSync(data).toString('base64url')}:1vTest:signature`;
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

  const putSession = (key: string, sessionData: string, expireDate: string) =>
    house.store.within(house.acme.name, (tx) =>
      tx.djangoSession.create({ data: { tenantId: tx.tenantId, sessionKey: key, sessionData, expireDate } }),
    );

  test('finds a session of its tenant, plain or deflated as Django writes them', async () => {
    const { sessions } = house.store;
    const expireDate = inAnHour();
    await putSession(sessionKey, plain, expireDate);
    await putSession('deflated', deflated, expireDate);
    const expected = { user: 1, expiresAt: new Date(expireDate) };
    expect(await sessions.find(house.acme.name, sessionKey)).toEqual(expected);
    expect(await sessions.find(house.acme.name, 'deflated')).toEqual(expected);
  });

  test('no session of another tenant, no expired one, no nonsense', async () => {
    const { sessions } = house.store;
    await putSession('old', plain, '2020-01-01T00:00:00Z');
    await putSession('nonsense', 'not:even:close', inAnHour());
    expect(await sessions.find(house.globex.name, sessionKey)).toBeUndefined();
    expect(await sessions.find('nobody' as TenantName, sessionKey)).toBeUndefined();
    for (const key of ['old', 'nonsense', '', 'k'.repeat(41), 'a\0b', 'absent']) {
      expect(await sessions.find(house.acme.name, key)).toBeUndefined();
    }
  });

  test('an ended session is dead on every instance, and its key is kept only as a hash', async () => {
    const { sessions } = house.store;
    const before = new Date();
    expect(await sessions.isEnded(house.acme.name, sessionKey)).toBe(false);
    await sessions.end(house.acme.name, sessionKey);
    await sessions.end(house.acme.name, sessionKey);
    expect(await sessions.isEnded(house.acme.name, sessionKey)).toBe(true);
    expect(await sessions.isEnded(house.globex.name, sessionKey)).toBe(false);
    expect(await sessions.find(house.acme.name, sessionKey)).toBeUndefined();
    expect(await sessions.endedSince(before)).toEqual([sha256(sessionKey)]);
  });

  test('the row of an ended session stays as long as it follows legacy’s, so that it is never set apart', async () => {
    const { store, globex, database } = house;
    await store.within(globex.name, (tx) =>
      tx.djangoSession.create({
        data: { tenantId: globex.id, sessionKey: 'followed', sessionData: plain, expireDate: inAnHour() },
      }),
    );
    await asSuperuser(
      `INSERT INTO banyan.follow_position (slot, position, forgotten_to) VALUES ('books', '0/1', '0/1');
       INSERT INTO banyan.followed_tenant (tenant_id, slot, from_position) VALUES (${globex.id}, 'books', '0/1')`,
      database.superUrl,
    );
    await store.sessions.end(globex.name, 'followed');
    expect(await store.sessions.isEnded(globex.name, 'followed')).toBe(true);
    expect(
      await store.within(globex.name, (tx) => tx.djangoSession.count({ where: { tenantId: globex.id } })),
    ).toBe(1);
    expect(await store.journal.standing(globex.name, ['django_session'])).toBe('followed');
  });

  test("a session of legacy's can be ended, too", async () => {
    const { sessions } = house.store;
    await sessions.end('not-moved-yet' as TenantName, 'of-legacy');
    expect(await sessions.isEnded('not-moved-yet' as TenantName, 'of-legacy')).toBe(true);
  });
});

describe('the flip log', () => {
  const flip = (change: string, undoes?: number) => ({
    author: 'ada',
    reason: 'try it',
    subject: 'ai',
    change,
    before: 'aaaaaaaaaaaa' as Revision,
    after: 'bbbbbbbbbbbb' as Revision,
    undoes,
    beforeText: `before ${change}`,
    afterText: `after ${change}`,
  });

  test('the last standing flip is the newest that is neither an undo nor undone', async () => {
    const { flips } = house.store;
    expect(await flips.lastStanding()).toBeUndefined();
    const first = await flips.add(flip('canary 10 %'));
    const second = await flips.add(flip('canary 25 %'));
    expect(await flips.lastStanding()).toMatchObject({ id: second.id, beforeText: 'before canary 25 %' });
    await flips.add(flip('undo', second.id));
    expect(await flips.lastStanding()).toMatchObject({ id: first.id, afterText: 'after canary 10 %' });
    expect((await flips.list(2)).map((line) => line.change)).toEqual(['undo', 'canary 25 %']);
  });

  test('a flip cannot be taken back twice', async () => {
    const { flips } = house.store;
    const made = await flips.add(flip('new'));
    await flips.add(flip('undo', made.id));
    await expect(flips.add(flip('undo again', made.id))).rejects.toThrow(/flip_undoes_key/);
  });

  test.each(["UPDATE banyan.flip SET author = 'nobody'", 'DELETE FROM banyan.flip', 'TRUNCATE banyan.flip'])(
    'no line of the log can be changed by the app role: %s',
    async (sql) => {
      await expect(asAppRole(sql)).rejects.toThrow(/permission denied/);
    },
  );
});
