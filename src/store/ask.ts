import type pg from 'pg';
import type { TenantId } from '../vocabulary/index.ts';
import { distrust, takeConnection } from './connections.ts';
import { findTrouble } from './database-errors.ts';
import { StoreUnavailable } from './errors.ts';

/** One statement on the gateway's own tables. A database that cannot serve is StoreUnavailable; anything else is a bug. */
export async function ask<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const connection = await takeConnection(pool);
  try {
    return (await connection.query<Row>(sql, [...values])).rows;
  } catch (error) {
    const reason = findTrouble(error);
    if (reason === 'read_only') distrust(pool);
    throw reason === undefined ? error : new StoreUnavailable(error, { reason });
  } finally {
    connection.release();
  }
}

/** One reading statement inside one tenant's fence, in one round trip. Its values stand in its text: numbers and escaped literals. */
export async function askInside<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  tenant: TenantId,
  sql: string,
): Promise<Row[]> {
  const connection = await takeConnection(pool);
  try {
    const answers: unknown = await connection.query(
      `BEGIN READ ONLY; SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true); ${sql}; COMMIT`,
    );
    connection.release();
    return (answers as readonly pg.QueryResult<Row>[])[2]?.rows ?? [];
  } catch (error) {
    connection.release(true);
    const reason = findTrouble(error);
    throw reason === undefined ? error : new StoreUnavailable(error, { reason });
  }
}

/** `revokedSince` and `endedSince` answer this much more than asked: clocks differ, and rows commit after they are stamped. */
export const OVERLAP_MS = 60_000;
