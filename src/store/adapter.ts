import { AsyncLocalStorage } from 'node:async_hooks';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapter, SqlDriverAdapterFactory, Transaction } from '@prisma/driver-adapter-utils';
import type pg from 'pg';
import { distrust, takeConnection } from './connections.ts';
import { findTrouble } from './database-errors.ts';
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
  const connection = await takeConnection(pool);
  try {
    // The driver's types do not know that several statements have several answers.
    const answers: unknown = await connection.query(opening.sql);
    opening.judge?.(answers as readonly pg.QueryResult[]);
  } catch (error) {
    await putBack(connection);
    throw (
      opening.explain?.(error) ?? new StoreUnavailable(error, { reason: findTrouble(error) ?? 'unreachable' })
    );
  }
  return bindTransaction(adapter, pool, connection, opening);
}

async function putBack(connection: pg.PoolClient): Promise<void> {
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
  const rename = (error: unknown): never => {
    const named = opening.name(error);
    if (named instanceof StoreUnavailable && named.reason === 'read_only') distrust(pool);
    throw named;
  };
  const release = async () => {
    connection.removeListener('error', ignore);
    connection.release();
  };
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    options: { usePhantomQuery: false },
    queryRaw: (query) => bound.queryRaw(query).catch(rename),
    executeRaw: (query) => bound.executeRaw(query).catch(rename),
    commit: release,
    rollback: release,
  };
}
