import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapter, SqlDriverAdapterFactory, Transaction } from '@prisma/driver-adapter-utils';
import type pg from 'pg';
import { opens } from './lane.ts';

/**
 * Prisma's adapter for pg, of which only the conversion of values is left. What Prisma calls a transaction is a lane (see there), and
 * outside a lane nothing runs at all: there would be no tenant.
 */
export function tenantAdapter(pool: pg.Pool): SqlDriverAdapterFactory {
  const factory = new PrismaPg(pool);
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => fenceAdapter(await factory.connect()),
  };
}

function fenceAdapter(adapter: SqlDriverAdapter): SqlDriverAdapter {
  const refuse = () =>
    Promise.reject(new Error('A query outside within() has no tenant: the store does not run it.'));
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    queryRaw: refuse,
    executeRaw: refuse,
    executeScript: refuse,
    startTransaction: () => joinLane(adapter),
    getConnectionInfo: () => adapter.getConnectionInfo?.() ?? { supportsRelationJoins: true },
    dispose: () => adapter.dispose(),
  };
}

async function joinLane(adapter: SqlDriverAdapter): Promise<Transaction> {
  const lane = opens.getStore();
  if (lane === undefined)
    throw new Error('A transaction outside within() has no tenant: the store does not open it.');
  return lane.join(adapter);
}
