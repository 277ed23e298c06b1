import type pg from 'pg';
import type { TenantId } from '../vocabulary/index.ts';
import { giveBack, takeConnection } from './connections.ts';
import { findTrouble } from './database-errors.ts';
import { StoreUnavailable } from './errors.ts';

const READS = /^\s*SELECT\b/;

/** One statement on the gateway's own tables. A database that cannot serve is StoreUnavailable; anything else is a bug. */
export async function ask<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const { connection, state } = await takeConnection(pool);
  try {
    const { rows } = await connection.query<Row>(sql, [...values]);
    connection.release();
    return rows;
  } catch (error) {
    giveBack(pool, connection, error);
    const reason = findTrouble(error);
    // It had died since its last use; what writes may have arrived all the same.
    if (reason === 'unreachable' && state === 'used' && READS.test(sql)) return ask(pool, sql, values);
    throw reason === undefined ? error : new StoreUnavailable(error, { reason });
  }
}

/** One reading statement inside one tenant's fence, in one round trip. Its values stand in its text: numbers and escaped literals. */
export async function askInside<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  tenant: TenantId,
  sql: string,
): Promise<Row[]> {
  const { connection, state } = await takeConnection(pool);
  try {
    const answers: unknown = await connection.query(
      `BEGIN READ ONLY; SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true); ${sql}; COMMIT`,
    );
    connection.release();
    return (answers as readonly pg.QueryResult<Row>[])[2]?.rows ?? [];
  } catch (error) {
    // The transaction may still be open on it.
    giveBack(pool, connection, error, 'close');
    const reason = findTrouble(error);
    if (reason === 'unreachable' && state === 'used') return askInside(pool, tenant, sql);
    throw reason === undefined ? error : new StoreUnavailable(error, { reason });
  }
}

/** `revokedSince` and `endedSince` answer this much more than asked: clocks differ, and rows commit after they are stamped. */
export const OVERLAP_MS = 60_000;
