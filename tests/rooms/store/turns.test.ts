import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type pg from 'pg';
import type { PrismaClient } from '../../../src/store/generated/client.ts';
import type { TenantTransaction } from '../../../src/store/index.ts';
import { openLanes } from '../../../src/store/lanes.ts';
import { openInEarnest } from '../../../src/store/opening.ts';
import { Turn } from '../../../src/store/turn.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';
import { newUser } from './rows.ts';

const countUsers = (tx: TenantTransaction) => tx.authUser.count({ where: { tenantId: tx.tenantId } });

describe('a transaction', () => {
  let house: TwoTenants;
  beforeAll(async () => {
    house = await openTwoTenants();
  });
  afterAll(() => house.close());

  test('does nothing after its end, and nothing for whoever has its place next', async () => {
    const { store, acme, globex } = house;
    const late = await store.within(acme.name, async (tx) => [tx] as const);
    const seen = await store.within(globex.name, async (tx) => {
      const [others] = late;
      await expect(countUsers(others)).rejects.toThrow(/The transaction is over/);
      await expect(others.$queryRaw`SELECT tenant_id FROM auth_user`).rejects.toThrow(
        /The transaction is over/,
      );
      await expect(others.nextId('ai_job')).rejects.toThrow(/The transaction is over/);
      return tx.authUser.findMany({ where: { tenantId: tx.tenantId } });
    });
    expect(seen.map(({ username }) => username)).toEqual(['ada-globex']);
  });

  test('waits at its end for a query that nobody has waited for', async () => {
    const { store, acme } = house;
    await store.within(acme.name, async (tx) => {
      void tx.authUser.create({ data: newUser(tx, 300, 'unwaited') });
    });
    const found = await store.within(acme.name, (tx) =>
      tx.authUser.count({ where: { tenantId: tx.tenantId, id: 300 } }),
    );
    expect(found).toBe(1);
  });

  test('is undone, and says so, where the work keeps an error of the database to itself', async () => {
    const { store, acme } = house;
    const attempt = store.within(acme.name, async (tx) => {
      await tx.authUser.create({ data: newUser(tx, 301, 'lost') });
      await tx.authUser.create({ data: newUser(tx, 301, 'twin') }).catch(() => undefined);
      return 'done';
    });
    await expect(attempt).rejects.toMatchObject({ code: '23505' });
    const found = await store.within(acme.name, (tx) =>
      tx.authUser.count({ where: { tenantId: tx.tenantId, id: 301 } }),
    );
    expect(found).toBe(0);
  });

  test('says so as well where it was only to read', async () => {
    const { store, acme } = house;
    const attempt = store.within(acme.name, async (tx) => {
      // Wider than the column's numbers: the database refuses it, and Prisma does not.
      await tx.authUser.findMany({ where: { tenantId: tx.tenantId, id: { in: [1] } }, take: 1 });
      await tx.djangoSession
        .findMany({ where: { tenantId: tx.tenantId, expireDate: { gt: 'no time' } } })
        .catch(() => undefined);
      return 'done';
    });
    await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^22/) });
    await expect(store.within(acme.name, countUsers)).resolves.toBeGreaterThan(0);
  });

  test('may ask for several things at once', async () => {
    const { store, acme } = house;
    const all = await store.within(acme.name, (tx) =>
      Promise.all([
        countUsers(tx),
        countUsers(tx),
        tx.$queryRaw<{ n: number }[]>`SELECT 1 AS n /* tenant_id */`,
      ]),
    );
    expect(all[0]).toBe(all[1]);
    expect(all[2]).toEqual([{ n: 1 }]);
  });

  test('shows what one before it has committed, however quickly it comes after', async () => {
    const { store, acme } = house;
    for (let id = 400; id < 420; id += 1) {
      await store.within(acme.name, countUsers);
      await store.within(acme.name, (tx) => tx.authUser.create({ data: newUser(tx, id, `user-${id}`) }));
      const [found] = await Promise.all([
        store.within(acme.name, (tx) => tx.authUser.count({ where: { tenantId: tx.tenantId, id } })),
        store.within(acme.name, countUsers),
      ]);
      expect(found).toBe(1);
    }
  });
});

/** A connection that answers everything, and knows what it was asked. */
function fakePool() {
  const asked: string[] = [];
  const released: unknown[] = [];
  const connection = {
    connection: { stream: { cork: () => undefined, uncork: () => undefined } },
    query: async (question: string | { text: string }) => {
      asked.push(typeof question === 'string' ? question : (question.text.split(';', 1)[0] ?? ''));
      return { command: 'COMMIT', rows: [] };
    },
    release: (reason: unknown) => released.push(reason),
  };
  return { asked, released, pool: { connect: async () => connection } as unknown as pg.Pool };
}

describe('a turn', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test('that lasts for half a minute is undone, gives its connection back, and answers nothing any more', async () => {
    jest.useFakeTimers();
    const { asked, released, pool } = fakePool();
    const turn = await Turn.open(pool, openInEarnest(1 as never));
    await turn.ask((connection) => connection.query('SELECT 1'));
    await jest.advanceTimersByTimeAsync(30_000);
    expect(asked).toEqual(['BEGIN', 'SELECT 1', 'ROLLBACK']);
    expect(released).toEqual([false]);
    await expect(turn.ask((connection) => connection.query('SELECT 2'))).rejects.toThrow(
      /not done after 30 s/,
    );
    await expect(turn.commit('heard')).rejects.toThrow(/not done after 30 s/);
    await turn.undo();
    expect(released).toHaveLength(1);
  });
});

describe('lanes', () => {
  /** Counts what Prisma takes for transactions; SQL that says `fail` fails. */
  const openFakeLanes = () => {
    const opened: string[] = [];
    const client = {
      $executeRawUnsafe: async (sql: string) => {
        if (sql === 'fail') throw new Error('failed');
        return 0;
      },
    };
    const prisma = {
      $transaction: async (hold: (inside: typeof client) => Promise<void>) => {
        opened.push('opened');
        await hold(client);
        opened.push('closed');
      },
    } as unknown as PrismaClient;
    const lanes = openLanes(prisma, fakePool().pool);
    return {
      opened,
      close: lanes.close,
      run: (sql: string) =>
        lanes.run(openInEarnest(1 as never), 'commit', (inside) => inside.$executeRawUnsafe(sql)),
    };
  };

  test('are used again, but not after a query that failed: Prisma may still be at work for it', async () => {
    const { opened, run, close } = openFakeLanes();
    await run('good');
    await run('good');
    expect(opened).toEqual(['opened']);
    await expect(run('fail')).rejects.toThrow('failed');
    expect(opened).toEqual(['opened', 'closed']);
    await run('good');
    expect(opened).toEqual(['opened', 'closed', 'opened']);
    close();
  });
});
