import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStore, type Store, StoreUnavailable } from '../../../src/store/index.ts';
import { asSuperuser } from '../../support/database.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';

/** Stands before PostgreSQL. What it swallows is neither answered nor refused, as after a failover that nobody announced. */
type Line = Readonly<{ url: string; swallow(): void; close(): Promise<void> }>;

async function openLine(url: string): Promise<Line> {
  const to = new URL(url);
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    for (const [from, other] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => other.write(chunk));
      from.on('error', () => other.destroy());
      from.on('close', () => other.destroy());
    }
    open.add(near).add(far);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href,
    swallow: () => {
      for (const socket of open) socket.removeAllListeners('data').on('data', () => undefined);
      open.clear();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const STATEMENT_MS = 1_000;

let house: TwoTenants;
let line: Line;
let store: Store;
beforeAll(async () => {
  house = await openTwoTenants();
  await asSuperuser(
    `ALTER ROLE banyan_app IN DATABASE ${house.database.name} SET statement_timeout = '${STATEMENT_MS}ms'`,
  );
  line = await openLine(house.database.appUrl);
  store = await openStore({ url: line.url, emit: () => undefined, poolSize: 3, onUnscoped: 'refuse' });
});
afterAll(async () => {
  await store.close();
  await line.close();
  await house.close();
});

const count = () =>
  store.within(house.acme.name, (tx) => tx.authUser.count({ where: { tenantId: tx.tenantId } }));

test('row-104-database-trouble: connections that have gone silent while they lay idle are found out at the first use of one, and its caller is served all the same', async () => {
  await Promise.all([count(), count(), count(), store.ping()]);
  line.swallow();

  const beganMs = performance.now();
  await expect(count()).resolves.toBe(1);
  expect(performance.now() - beganMs).toBeLessThan(4_500);

  // The others are not tried one after the other.
  const nextMs = performance.now();
  await expect(Promise.all([count(), count(), count()])).resolves.toEqual([1, 1, 1]);
  expect(performance.now() - nextMs).toBeLessThan(1_500);
  await expect(store.ping()).resolves.toBeUndefined();
});

test('row-104-database-trouble: one that goes silent inside a transaction costs that transaction, in bounded time, and no place in the pool', async () => {
  const beganMs = performance.now();
  const lost = store.within(house.acme.name, async (tx) => {
    const count = () => tx.authUser.count({ where: { tenantId: tx.tenantId } });
    await count();
    line.swallow();
    return count();
  });
  const failure = await lost.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StoreUnavailable);
  expect(failure).toMatchObject({ reason: 'unreachable', mayHaveWritten: false });
  expect(performance.now() - beganMs).toBeLessThan(STATEMENT_MS + 5_000);
  await expect(Promise.all([count(), count(), count()])).resolves.toEqual([1, 1, 1]);
});

test('row-104-database-trouble: what was only read is answered, though nobody hears of the end of its transaction', async () => {
  const beganMs = performance.now();
  const read = store.within(house.acme.name, async (tx) => {
    const users = await tx.authUser.count({ where: { tenantId: tx.tenantId } });
    line.swallow();
    return users;
  });
  await expect(read).resolves.toBe(1);
  expect(performance.now() - beganMs).toBeLessThan(500);
  // The next one finds out, and is served all the same.
  await expect(count()).resolves.toBe(1);
  await expect(Promise.all([count(), count(), count()])).resolves.toEqual([1, 1, 1]);
});
