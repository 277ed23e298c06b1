import { printBytes } from './bytes.ts';
import { openLegacyPool } from './legacy-slot.ts';

export type LoadLimits = Readonly<{
  /** The copy rests while a follower has more than this of legacy's log unread, in bytes; default 256 MB. */
  unreadBytes?: number;
  /** The copy rests while more of legacy's connections than this are at work, ours left out; default 32. */
  atWork?: number;
}>;

const UNREAD_BYTES = 268_435_456;
const AT_WORK = 32;
/** A question that asks for nothing may take so many times as long as in a calm moment, and never counts below this. */
const SLOWER = 20;
const SLOW_MS = 200;

type LoadRow = Readonly<{ unread: number | null; at_work: number }>;

/** Whether legacy has more to do than it should have beside a copy. */
export function openLegacyLoad(
  { legacyUrl, slot }: Readonly<{ legacyUrl: string; slot: string }>,
  { unreadBytes = UNREAD_BYTES, atWork = AT_WORK }: LoadLimits,
): Readonly<{ findReason(): Promise<string | undefined>; close(): Promise<void> }> {
  const pool = openLegacyPool(legacyUrl, 1);
  let calmMs = Number.POSITIVE_INFINITY;
  return {
    async findReason() {
      // The first question of a connection pays for connecting.
      if (calmMs === Number.POSITIVE_INFINITY) await pool.query('SELECT 1');
      const beganMs = performance.now();
      await pool.query('SELECT 1');
      const tookMs = performance.now() - beganMs;
      calmMs = Math.min(calmMs, tookMs);
      // Nobody reads a slot before the gateway follows: then there is nothing to wait for.
      const { rows } = await pool.query<LoadRow>(
        `SELECT (SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::float8 FROM pg_replication_slots
             WHERE slot_name = $1 AND active) AS unread,
           (SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend'
             AND pid <> pg_backend_pid() AND application_name NOT LIKE 'banyan %') AS at_work`,
        [slot],
      );
      const { unread, at_work: busy = 0 } = rows[0] ?? {};
      if ((unread ?? 0) > unreadBytes)
        return `the follower has ${printBytes(unread ?? 0)} of legacy's log still to read`;
      if (busy > atWork) return `${busy} of legacy's connections are at work`;
      if (tookMs > Math.max(SLOW_MS, SLOWER * calmMs))
        return `legacy takes ${Math.round(tookMs)} ms for a question that asks for nothing`;
      return undefined;
    },
    close: () => pool.end(),
  };
}
