import type pg from 'pg';
import { isUnavailable, StoreUnavailable } from './errors.ts';

/** One statement on the gateway's own tables. A database that cannot be asked is StoreUnavailable; anything else is a bug. */
export async function ask<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  try {
    return (await pool.query<Row>(sql, [...values])).rows;
  } catch (error) {
    throw isUnavailable(error) ? new StoreUnavailable(error) : error;
  }
}

/** `revokedSince` and `endedSince` answer this much more than asked: clocks differ, and rows commit after they are stamped. */
export const OVERLAP_MS = 60_000;
