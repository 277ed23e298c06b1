import type pg from 'pg';
import type { Emit } from '../vocabulary/index.ts';
import type { Shares } from './shares.ts';

const EVERY_MS = 1_000;

/** Tells once a second, where it has changed, how many connections are in use and how many wait for one. Answers the way to stop. */
export function tellHeadcount(shares: Shares, pool: Pick<pg.Pool, 'idleCount'>, emit: Emit): () => void {
  let told = '';
  const timer = setInterval(() => {
    const { busy, waiting } = shares.count();
    const idle = pool.idleCount;
    const now = `${busy} ${idle} ${waiting}`;
    if (now === told) return;
    told = now;
    emit({ type: 'store_counted', busy, idle, waiting });
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
