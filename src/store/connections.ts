import type pg from 'pg';
import { findTrouble, isSilence } from './database-errors.ts';
import { StoreUnavailable } from './errors.ts';

const bornMs = new WeakMap<pg.PoolClient, number>();
const distrustedMs = new WeakMap<pg.Pool, number>();
// A server that stays read-only must not cost every transaction a new connection.
const READ_ONLY_EVERY_MS = 1_000;

/** `used` may have died since its last use; what is `new` has just been heard of. */
export type Taken = Readonly<{ connection: pg.PoolClient; state: 'new' | 'used' }>;

/** A connection of the pool, or StoreUnavailable; none that is older than the last sign that such lead nowhere. */
export async function takeConnection(pool: pg.Pool): Promise<Taken> {
  for (;;) {
    const connection = await pool.connect().catch((error: unknown) => {
      throw new StoreUnavailable(error, { reason: findTrouble(error) ?? 'unreachable' });
    });
    const born = bornMs.get(connection);
    if (born === undefined) {
      bornMs.set(connection, performance.now());
      return { connection, state: 'new' };
    }
    if (born >= (distrustedMs.get(pool) ?? 0)) return { connection, state: 'used' };
    connection.release(true);
  }
}

/**
 * Gives a connection back after an error, or closes it. Where the server is silent, or takes no writes any more, all of its age are let go
 * of when their turn comes: after a failover they lead to the old server for as long as they last.
 */
export function giveBack(
  pool: pg.Pool,
  connection: pg.PoolClient,
  error: unknown,
  otherwise: 'keep' | 'close' = 'keep',
): void {
  const trouble = error instanceof StoreUnavailable ? error.reason : findTrouble(error);
  // A connection that the server ends says nothing of the others; one that does not answer does.
  if (isSilence(error instanceof StoreUnavailable ? error.cause : error))
    distrustedMs.set(pool, performance.now());
  if (trouble === 'read_only') distrustSeldom(pool);
  connection.release(trouble === 'unreachable' || otherwise === 'close');
}

const held = new WeakMap<pg.PoolClient, NodeJS.Immediate>();

/**
 * Keeps what is sent on this connection until `letGo`, or until everything else that is due has been done: one write to the socket for
 * what belongs together. A write costs 35 µs of processor, more than all that is in it.
 */
export function holdBack(connection: pg.PoolClient): void {
  if (held.has(connection)) return;
  streamOf(connection).cork();
  held.set(
    connection,
    setImmediate(() => letGo(connection)),
  );
}

export function letGo(connection: pg.PoolClient): void {
  const due = held.get(connection);
  if (due === undefined) return;
  clearImmediate(due);
  held.delete(connection);
  streamOf(connection).uncork();
}

// The driver's types know it of a client of its own, and not of one that a pool has made.
const streamOf = (connection: pg.PoolClient) => (connection as unknown as pg.Client).connection.stream;

function distrustSeldom(pool: pg.Pool): void {
  const now = performance.now();
  if (now - (distrustedMs.get(pool) ?? Number.NEGATIVE_INFINITY) > READ_ONLY_EVERY_MS)
    distrustedMs.set(pool, now);
}
