import { AsyncLocalStorage } from 'node:async_hooks';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapter, SqlDriverAdapterFactory, Transaction } from '@prisma/driver-adapter-utils';
import type pg from 'pg';
import { giveBack, takeConnection } from './connections.ts';
import { findTrouble, isConnectionLoss } from './database-errors.ts';
import { StoreUnavailable } from './errors.ts';
import type { Opening } from './opening.ts';

/** How the next `startTransaction` begins, and for whom: Prisma's own call has no place for it. */
export const openingFor = new AsyncLocalStorage<Opening>();

/**
 * Prisma's adapter for pg, changed in two ways. A transaction begins and sets its tenant in ONE round trip, and only for itself, so
 * that nothing is left in the pool. Outside a transaction nothing runs at all: there would be no tenant.
 */
export function tenantAdapter(pool: pg.Pool): SqlDriverAdapterFactory {
  const factory = new PrismaPg(pool);
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => fenceAdapter(await factory.connect(), pool),
  };
}

function fenceAdapter(adapter: SqlDriverAdapter, pool: pg.Pool): SqlDriverAdapter {
  const refuse = () =>
    Promise.reject(new Error('A query outside within() has no tenant: the store does not run it.'));
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    queryRaw: refuse,
    executeRaw: refuse,
    executeScript: refuse,
    startTransaction: () => startTransaction(adapter, pool),
    getConnectionInfo: () => adapter.getConnectionInfo?.() ?? { supportsRelationJoins: true },
    dispose: () => adapter.dispose(),
  };
}

async function startTransaction(adapter: SqlDriverAdapter, pool: pg.Pool): Promise<Transaction> {
  const opening = openingFor.getStore();
  if (opening === undefined)
    throw new Error('A transaction outside within() has no tenant: the store does not open it.');
  const { connection, state } = await takeConnection(pool);
  try {
    await begin(connection, opening);
  } catch (error) {
    await putBack(pool, connection, error);
    const reason = findTrouble(error) ?? 'unreachable';
    // It had died since its last use, and nothing has begun.
    if (reason === 'unreachable' && state === 'used' && isConnectionLoss(error))
      return startTransaction(adapter, pool);
    throw opening.explain?.(error) ?? new StoreUnavailable(error, { reason });
  }
  return bindTransaction(adapter, pool, connection, opening);
}

async function begin(connection: pg.PoolClient, { sql, patienceMs, judge }: Opening): Promise<void> {
  // The driver's types know neither that several statements have several answers, nor that a question has its own patience.
  const question = { text: sql, query_timeout: patienceMs };
  const answers: unknown = await connection.query(question);
  judge?.(answers as readonly pg.QueryResult[]);
}

async function putBack(pool: pg.Pool, connection: pg.PoolClient, error: unknown): Promise<void> {
  if (isConnectionLoss(error)) return giveBack(pool, connection, error);
  const isBroken = await connection.query('ROLLBACK').then(
    () => false,
    () => true,
  );
  connection.release(isBroken);
}

/** The adapter's own conversion of values, on this one connection instead of the pool. */
function bindTransaction(
  adapter: SqlDriverAdapter,
  pool: pg.Pool,
  connection: pg.PoolClient,
  opening: Opening,
): Transaction {
  const bound: SqlDriverAdapter = Object.create(adapter, { client: { value: connection } });
  // A connection that breaks while nobody waits for an answer must not end the process; the next query on it fails by itself.
  const ignore = () => undefined;
  connection.on('error', ignore);
  let trouble: StoreUnavailable | undefined;
  const rename = (error: unknown): never => {
    const named = opening.name(error);
    if (named instanceof StoreUnavailable) trouble = named;
    throw named;
  };
  // On a connection that does not answer even ROLLBACK would wait.
  const ask = <T>(work: () => Promise<T>): Promise<T> =>
    trouble?.reason === 'unreachable' ? Promise.reject(trouble) : work().catch(rename);
  const release = async () => {
    connection.removeListener('error', ignore);
    giveBack(pool, connection, trouble);
  };
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    options: { usePhantomQuery: false },
    queryRaw: (query) => ask(() => bound.queryRaw(query)),
    executeRaw: (query) => ask(() => bound.executeRaw(query)),
    commit: release,
    rollback: release,
  };
}
