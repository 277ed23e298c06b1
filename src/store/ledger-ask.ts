import type pg from 'pg';
import { ask } from './ask.ts';
import { codeOf, StoreUnavailable } from './errors.ts';

// Too busy, too full, or in somebody's way: a later try may do. Serialization, deadlock, resources, lock timeout, cancelled.
const PASSING = /^(40001|40P01|53...|55P03|57014)$/;

/**
 * `ask` for the ledger. What PostgreSQL says of a statement that it refuses may quote what was in it, so only its code goes on: a path or
 * a shape has no place in a log line.
 */
export async function askLedger<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  try {
    return await ask<Row>(pool, sql, values);
  } catch (error) {
    if (error instanceof StoreUnavailable) throw error;
    const words = new Error(`The ledger refused a statement (SQLSTATE ${codeOf(error) || 'unknown'}).`);
    throw PASSING.test(codeOf(error)) ? new StoreUnavailable(words) : words;
  }
}
