import type pg from 'pg';
import { findTrouble } from './database-errors.ts';
import { StoreUnavailable } from './errors.ts';

const bornMs = new WeakMap<pg.PoolClient, number>();
const distrustedMs = new WeakMap<pg.Pool, number>();
// A server that stays read-only must not cost every transaction a new connection.
const DISTRUST_EVERY_MS = 1_000;

/** A connection of the pool, or StoreUnavailable; none that was made before the last `distrust`. */
export async function takeConnection(pool: pg.Pool): Promise<pg.PoolClient> {
  for (;;) {
    const connection = await pool.connect().catch((error: unknown) => {
      throw new StoreUnavailable(error, { reason: findTrouble(error) ?? 'unreachable' });
    });
    const born = bornMs.get(connection) ?? performance.now();
    bornMs.set(connection, born);
    if (born >= (distrustedMs.get(pool) ?? 0)) return connection;
    connection.release(true);
  }
}

/**
 * The server that this pool's connections lead to takes no writes any more. After a failover that is the old one, and it stays so for as
 * long as they last: whoever comes next looks for the new one.
 */
export function distrust(pool: pg.Pool): void {
  const now = performance.now();
  if (now - (distrustedMs.get(pool) ?? Number.NEGATIVE_INFINITY) > DISTRUST_EVERY_MS)
    distrustedMs.set(pool, now);
}
