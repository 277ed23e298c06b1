import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { StoreUnavailable } from '../../../src/store/index.ts';
import { asSuperuser } from '../../support/database.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';

let house: TwoTenants;
beforeAll(async () => {
  house = await openTwoTenants({ poolSize: 2 });
});
afterAll(() => house.close());

const waitMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('row-103-exhausted-pool: when all connections are taken, a transaction is StoreUnavailable after about two seconds', async () => {
  const { store, acme } = house;
  const held = ['chat/post', 'files/upload'].map((handler) =>
    store.scope(acme.name, handler).within(() => waitMs(3_000)),
  );
  await waitMs(100);
  const startedMs = performance.now();
  await expect(store.within(acme.name, async (tx) => tx.tenantId)).rejects.toBeInstanceOf(StoreUnavailable);
  const waitedMs = performance.now() - startedMs;
  expect(waitedMs).toBeGreaterThan(1_500);
  expect(waitedMs).toBeLessThan(2_800);
  await store.ping();
  await Promise.all(held);
  await expect(store.within(acme.name, async (tx) => tx.tenantId)).resolves.toBe(1);
});

test('row-104-database-trouble: a connection that the server kills makes that transaction StoreUnavailable, and the next one works', async () => {
  const { store, acme, database } = house;
  const killed = store.within(acme.name, async (tx) => {
    await asSuperuser(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}' AND usename = 'banyan_app'`,
    );
    return tx.aiJob.count({ where: { tenantId: tx.tenantId } });
  });
  await expect(killed).rejects.toBeInstanceOf(StoreUnavailable);
  await expect(
    store.within(acme.name, (tx) => tx.aiJob.count({ where: { tenantId: tx.tenantId } })),
  ).resolves.toBe(0);
  await expect(store.ping()).resolves.toBeUndefined();
});

test('row-102-statement-timeout: the statement timeout of the role really stops a statement, and the connection is good afterwards', async () => {
  const { database, acme } = house;
  await asSuperuser(`ALTER ROLE banyan_app IN DATABASE ${database.name} SET statement_timeout = '300ms'`);
  const { openStore } = await import('../../../src/store/index.ts');
  const store = await openStore({
    url: database.appUrl,
    emit: () => undefined,
    poolSize: 1,
    onUnscoped: 'refuse',
  });
  try {
    const startedMs = performance.now();
    const slow = store.within(acme.name, (tx) => tx.$queryRaw`SELECT pg_sleep(20)::text /* tenant_id */`);
    await expect(slow).rejects.toThrow(/statement timeout/);
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    const running = store.within(
      acme.name,
      (tx) => tx.$queryRaw<{ n: number }[]>`
        SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid() /* tenant_id */`,
    );
    await expect(running).resolves.toEqual([{ n: 0 }]);
  } finally {
    await store.close();
    await asSuperuser(`ALTER ROLE banyan_app IN DATABASE ${database.name} RESET statement_timeout`);
  }
});

test('row-102-statement-timeout: a transaction that does nothing for too long is ended by the server', async () => {
  const { database, acme } = house;
  await asSuperuser(
    `ALTER ROLE banyan_app IN DATABASE ${database.name} SET idle_in_transaction_session_timeout = '200ms'`,
  );
  const { openStore } = await import('../../../src/store/index.ts');
  const store = await openStore({
    url: database.appUrl,
    emit: () => undefined,
    poolSize: 1,
    onUnscoped: 'refuse',
  });
  try {
    const idle = store.within(acme.name, async (tx) => {
      await waitMs(600);
      return tx.aiJob.count({ where: { tenantId: tx.tenantId } });
    });
    await expect(idle).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(store.within(acme.name, async (tx) => tx.tenantId)).resolves.toBe(1);
  } finally {
    await store.close();
    await asSuperuser(
      `ALTER ROLE banyan_app IN DATABASE ${database.name} RESET idle_in_transaction_session_timeout`,
    );
  }
});

test("a socket error of the work's own is not taken for the database's", async () => {
  const { store, acme } = house;
  const own = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  await expect(store.within(acme.name, () => Promise.reject(own))).rejects.toBe(own);
});

test('row-104-database-trouble: nothing can have been written unless the connection broke while COMMIT was on its way', async () => {
  const { store, acme, database } = house;
  const killing = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}' AND usename = 'banyan_app'`;
  const early = store.within(acme.name, async (tx) => {
    await asSuperuser(killing);
    await tx.aiJob.count({ where: { tenantId: tx.tenantId } });
  });
  await expect(early).rejects.toMatchObject({ name: 'StoreUnavailable', mayHaveWritten: false });
  const late = store.within(acme.name, () => asSuperuser(killing));
  await expect(late).rejects.toMatchObject({ name: 'StoreUnavailable', mayHaveWritten: true });
});

test('row-104-database-trouble: a database that refuses writes is StoreUnavailable for that write only, and the first write after it has changed its mind goes through', async () => {
  const { database, acme, store } = house;
  await asSuperuser(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
  await asSuperuser(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}' AND usename = 'banyan_app'`,
  );
  await waitMs(100);
  try {
    const count = () => store.within(acme.name, (tx) => tx.aiJob.count({ where: { tenantId: tx.tenantId } }));
    expect(await Promise.all([count(), count()])).toEqual([0, 0]);
    await expect(store.within(acme.name, (tx) => tx.nextId('ai_job'))).rejects.toMatchObject({
      name: 'StoreUnavailable',
      reason: 'read_only',
      mayHaveWritten: false,
    });
    await expect(count()).resolves.toBe(0);
  } finally {
    await asSuperuser(`ALTER DATABASE ${database.name} RESET default_transaction_read_only`);
  }
  // Connections keep such a setting as long as they last, as they do the way to an old server after a failover.
  await waitMs(1_100);
  await store.within(acme.name, (tx) => tx.nextId('ai_job')).catch(() => undefined);
  await expect(store.within(acme.name, (tx) => tx.nextId('ai_job'))).resolves.toBeGreaterThan(0);
});

test('nothing runs after close, and closing ends every connection', async () => {
  const { database } = house;
  const { openStore } = await import('../../../src/store/index.ts');
  const store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  await store.close();
  await expect(store.ping()).rejects.toBeInstanceOf(StoreUnavailable);
});
