import type pg from 'pg';
import { ask } from './ask.ts';
import { codeOf } from './database-errors.ts';
import { StoreUnavailable } from './errors.ts';

// In somebody's way: a later try may do. Serialization, deadlock, cancelled.
const PASSING = /^(40001|40P01|57014)$/;

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
    throw error instanceof StoreUnavailable ? hideWords(error) : wordRefusal(error);
  }
}

// A database that is away has not seen the statement, and cannot quote it.
function hideWords(error: StoreUnavailable): StoreUnavailable {
  if (error.reason === 'unreachable' || error.reason === 'crowded') return error;
  return new StoreUnavailable(nameCode(error.cause), { reason: error.reason });
}

function wordRefusal(error: unknown): Error {
  const words = nameCode(error);
  return PASSING.test(codeOf(error)) ? new StoreUnavailable(words, { reason: 'conflict' }) : words;
}

const nameCode = (error: unknown) =>
  new Error(`The ledger refused a statement (SQLSTATE ${codeOf(error) || 'unknown'}).`);
