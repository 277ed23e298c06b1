import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Position } from '../../../src/vocabulary/index.ts';
import { connect, type FollowedHouse, startFollowedHouse } from '../../support/follow.ts';

let house: FollowedHouse;
beforeAll(async () => {
  house = await startFollowedHouse();
  await house.catchUp();
});
afterAll(() => house.close());

const legacy = (sql: string) => house.legacy.query(sql);
const INSERT = `INSERT INTO acme.chat_message (channel_id, author_id, body, metadata, created_at) VALUES (1, 1, 'x', '{}', clock_timestamp()) RETURNING id`;
const isHere = async (id: number) =>
  (await house.superuser.query('SELECT FROM chat_message WHERE tenant_id = 1 AND id = $1', [id])).rowCount ===
  1;

test('what legacy had committed before is in the store when it resolves', async () => {
  for (let turn = 0; turn < 20; turn += 1) {
    const { rows } = await legacy(INSERT);
    await house.catchUp();
    expect(await isHere(rows[0].id)).toBe(true);
  }
});

test('many who wait at once share marks: no more than two are written', async () => {
  const written = async () => (await house.legacy.query('SELECT pg_current_wal_insert_lsn() AS l')).rows[0].l;
  const before = await written();
  const positions = await Promise.all(Array.from({ length: 200 }, () => house.catchUp()));
  expect(new Set(positions).size).toBeLessThanOrEqual(2);
  expect(await written()).not.toBe(before);
});

test('positions only grow, and lie behind what was committed and before what is committed next', async () => {
  const first = await house.catchUp();
  await legacy(INSERT);
  const second = await house.catchUp();
  await legacy(INSERT);
  const third = await house.catchUp();
  expect(second).toBeGreaterThan(first);
  expect(third).toBeGreaterThan(second);
  expect(await house.store.journal.between(house.acme, first, second)).toHaveLength(1);
  expect(await house.store.journal.between(house.acme, first, third)).toHaveLength(2);
  expect(await house.store.journal.between(house.acme, third, third)).toEqual([]);
});

test('while several writers go on it resolves all the same, and nothing that was committed before is missing', async () => {
  const stop = new AbortController();
  const committed: number[] = [];
  const writer = async () => {
    const client = await connect(house.legacyUrl);
    while (!stop.signal.aborted) {
      committed.push((await client.query(INSERT)).rows[0].id);
      await wait(20);
    }
    await client.end();
  };
  const writers = [writer(), writer(), writer()];
  try {
    for (let turn = 0; turn < 15; turn += 1) {
      const before = [...committed];
      await house.catchUp();
      const { rows } = await house.superuser.query(
        'SELECT count(*)::int AS n FROM chat_message WHERE tenant_id = 1 AND id = ANY ($1)',
        [before],
      );
      expect(rows[0].n).toBe(before.length);
      await wait(10);
    }
  } finally {
    stop.abort();
    await Promise.all(writers);
  }
  expect(committed.length).toBeGreaterThan(20);
}, 60_000);

test('who gives up is let go with their own reason, and the others are served', async () => {
  const impatient = new AbortController();
  const [one, two] = [house.follower.catchUp(impatient.signal), house.catchUp()];
  impatient.abort(new Error('too slow for me'));
  await expect(one).rejects.toThrow('too slow for me');
  await expect(two).resolves.toBeGreaterThan(0n);
  await expect(house.follower.catchUp(AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
});

test('what was heard by a moment lies before everything that was committed after it, and moves on with the log', async () => {
  for (let turn = 0; turn < 10; turn += 1) {
    const before = await house.catchUp();
    await wait(30);
    const askedMs = Date.now();
    const heard = house.follower.heardBy(askedMs) ?? (0n as Position);
    expect(heard).toBeGreaterThanOrEqual(before);
    await legacy(INSERT);
    const after = await house.catchUp();
    expect(await house.store.journal.between(house.acme, heard, after)).toHaveLength(1);
    // Asked again later of the same moment, the answer is the same.
    expect(house.follower.heardBy(askedMs)).toBe(heard);
  }
  expect(house.follower.heardBy(0)).toBeUndefined();
});
