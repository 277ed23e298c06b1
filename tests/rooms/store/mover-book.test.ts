import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openStore, type Store } from '../../../src/store/index.ts';
import type { FeatureName, TenantId } from '../../../src/vocabulary/index.ts';
import { asSuperuser } from '../../support/database.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../../support/store.ts';

const AI = 'ai' as FeatureName;
const ACME = 1 as TenantId;

let database: StoreDatabase;
let store: Store;
beforeAll(async () => {
  database = await createStoreDatabase();
  await addTenant(database, ACME, 'acme');
  store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

test('the app role sets apart what somebody else wrote on legacy, also a second time, and nothing where nobody did', async () => {
  expect(await store.mover.partStrangers(ACME, AI)).toEqual([]);
  await asSuperuser(
    `INSERT INTO banyan.stranger (tenant_id, position, feature, table_name, change, key)
       SELECT 1, '0/1', 'ai', 'ai_job', 'update', '{"id":1}' FROM generate_series(1, 3)`,
    database.superUrl,
  );
  expect(await store.mover.partStrangers(ACME, AI)).toEqual(['ai_job']);
  expect(await store.mover.partStrangers(ACME, AI)).toEqual(['ai_job']);
  expect(await store.mover.partStrangers(ACME, 'chat' as FeatureName)).toEqual([]);
});

describe('the queue', () => {
  const TENANTS = [1, 2, 3, 4, 5] as TenantId[];
  const asOwner = (sql: string) => asSuperuser(sql, database.superUrl);
  const queue = (tenants = TENANTS, manner: 'fresh' | 'repeated' = 'fresh') =>
    store.moves.queue({ feature: AI, tenants, order: 'hand_over', author: 'ada', manner });
  const end = (id: number | undefined, state: 'done' | 'failed') =>
    store.mover.endOrder(id ?? 0, { state, detail: 'As the test has it.' });
  const readMove = async () => (await store.tenures.news(0)).moves.find(({ feature }) => feature === AI);

  beforeEach(async () => {
    await asOwner('TRUNCATE banyan.move_order; DELETE FROM banyan.move');
    await store.moves.begin(AI, ['ai_job']);
  });

  test('of a mover that was killed in the middle of a wave is taken up in the same wave by the next one', async () => {
    await store.moves.limit(AI, { wave: 2 });
    await queue();
    const taken = [await store.mover.takeOrder(), await store.mover.takeOrder()];
    await store.mover.returnOrders();
    const again = [await store.mover.takeOrder(), await store.mover.takeOrder()];
    expect(again.map((order) => [order?.tenant, order?.wave])).toEqual(
      taken.map((order) => [order?.tenant, 1]),
    );
    expect(await store.mover.takeOrder()).toBeUndefined();
  });

  test('lets so many go side by side as its limit says, and takes what waits for no wave at once', async () => {
    await store.moves.limit(AI, { atOnce: 1 });
    await queue();
    expect((await store.mover.takeOrder())?.tenant).toBe(1);
    expect(await store.mover.takeOrder()).toBeUndefined();
    await store.moves.order({ feature: AI, tenant: TENANTS[4] as TenantId, order: 'verify', author: 'ada' });
    // Who is to be compared has an order that waits for its wave: it is withdrawn, and comes again.
    expect(await store.mover.takeOrder()).toMatchObject({ tenant: 5, order: 'verify', wave: undefined });
    expect(await store.mover.takeOrder()).toBeUndefined();
  });

  test('stops with more failures in a wave than may be, and does not count them again once it goes on', async () => {
    await store.moves.limit(AI, { wave: 3, stopAfter: 1 });
    await queue();
    for (const state of ['failed', 'failed'] as const) await end((await store.mover.takeOrder())?.id, state);
    expect(await store.mover.takeOrder()).toBeUndefined();
    expect(await readMove()).toMatchObject({
      state: 'paused',
      pausedWhy: '2 of wave 1 were refused or failed, and 1 may.',
    });
    await store.moves.change(AI, 'moving');
    expect(await store.mover.takeOrder()).toMatchObject({ tenant: 3, wave: 1 });
    expect((await readMove())?.pausedWhy).toBeUndefined();
  });

  test('begins a new fleet, with wave 1, where nobody of the one before is left', async () => {
    await store.moves.limit(AI, { wave: 1 });
    for (const tenants of [[1], [2, 3]] as TenantId[][]) {
      await queue(tenants);
      for (const _ of tenants) await end((await store.mover.takeOrder())?.id, 'done');
    }
    expect(await store.moveLook.waves()).toMatchObject([{ wave: 2, tenants: 1, ended: 2, later: 0 }]);
  });

  test('repeats what failed after a pause that doubles, outside of waves, and at once where it is asked anew', async () => {
    const ACME_ALONE = [ACME];
    const age = (s: number) =>
      asOwner(
        `UPDATE banyan.move_order SET ended_at = clock_timestamp() - interval '${s} s' WHERE state = 'failed'`,
      );
    for (const [attempt, pauseS] of [15, 30, 60, 120, 240, 300, 300].entries()) {
      await queue(ACME_ALONE, 'repeated');
      const order = await store.mover.takeOrder();
      expect([order?.attempt, order?.wave]).toEqual([attempt + 1, attempt === 0 ? 1 : undefined]);
      await end(order?.id, 'failed');
      await age(pauseS - 3);
      expect(await queue(ACME_ALONE, 'repeated')).toBe(0);
      await age(pauseS + 1);
    }
    expect(await queue(ACME_ALONE)).toBe(1);
    expect((await store.mover.takeOrder())?.attempt).toBe(1);
  });

  test('lets go of who waits where the table says something else, but not of who has just been asked for', async () => {
    await queue();
    const ids = (await store.moves.waiting()).map(({ id }) => id);
    await store.moves.withdraw(ids, { olderThanMs: 5_000 });
    expect(await store.moves.waiting()).toHaveLength(5);
    await asOwner(`UPDATE banyan.move_order SET at = at - interval '6 s' WHERE tenant > 2`);
    await store.moves.withdraw(ids, { olderThanMs: 5_000 });
    expect((await store.moves.waiting()).map(({ tenant }) => tenant)).toEqual([1, 2]);
    expect((await store.moves.findOrder(ids[4] ?? 0))?.state).toBe('withdrawn');
  });

  test('forgets what ended long ago, but for the last five of each tenant, and the app role can remove nothing else', async () => {
    await asOwner(
      `INSERT INTO banyan.move_order (feature, tenant, "order", author, state, ended_at)
         SELECT 'ai', t, 'verify', 'ada', 'done', clock_timestamp() - interval '3 days' + n * interval '1 hour'
         FROM generate_series(1, 2) t, generate_series(1, 9) n;
       INSERT INTO banyan.move_order (feature, tenant, "order", author, state, ended_at)
         SELECT 'ai', 1, 'verify', 'ada', 'done', clock_timestamp() FROM generate_series(1, 3)`,
    );
    expect(await store.mover.pruneOrders()).toBe(7 + 4);
    expect(await store.mover.pruneOrders()).toBe(0);
    await expect(
      asSuperuser(`DELETE FROM banyan.move_order WHERE tenant = 1`, database.appUrl),
    ).rejects.toThrow(/is kept: it is open, or ended within a day/);
  });
});
