import type pg from 'pg';
import { isConnectionLoss, StoreUnavailable } from './errors.ts';

/** One statement on the gateway's own tables. A database that cannot be asked is StoreUnavailable; anything else is a bug. */
export async function ask<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const connection = await pool.connect().catch((error: unknown) => {
    throw new StoreUnavailable(error);
  });
  try {
    return (await connection.query<Row>(sql, [...values])).rows;
  } catch (error) {
    throw isConnectionLoss(error) ? new StoreUnavailable(error) : error;
  } finally {
    connection.release();
  }
}

/** `revokedSince` and `endedSince` answer this much more than asked: clocks differ, and rows commit after they are stamped. */
export const OVERLAP_MS = 60_000;
