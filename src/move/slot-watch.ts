import type pg from 'pg';
import type { FollowStore } from '../store/index.ts';
import { type Emit, type Position, parsePosition } from '../vocabulary/index.ts';
import { printBytes } from './bytes.ts';

export type SlotWatchWish = Readonly<{
  pool: pg.Pool;
  store: Pick<FollowStore, 'position'>;
  slot: string;
  emit: Emit;
  /** So much of its log legacy may keep for the slot before somebody is told, where its server has no limit of its own. */
  heldBytes: number;
  everyMs?: number;
}>;

const EVERY_MS = 5_000;
/** Of the limit. */
const NEAR = 0.7;

type SlotRow = Readonly<{
  end: string;
  held: number | null;
  safe: number | null;
  status: string | null;
  most: number;
}>;

const LOOK = `SELECT pg_current_wal_flush_lsn()::text AS end, pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::float8 AS held,
    s.safe_wal_size::float8 AS safe, s.wal_status AS status,
    (SELECT setting::float8 * 1048576 FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS most
  FROM (SELECT 1) one LEFT JOIN pg_replication_slots s ON s.slot_name = $1`;

/** How much of its log legacy keeps for us, and how old what is not in the store yet is. Told as numbers, and in a sentence near the limit. */
export class SlotWatch {
  readonly #wish: SlotWatchWish;
  readonly #timer: NodeJS.Timeout;
  /** When legacy's log was seen to end where; the first one behind what the store has is the age of what it lacks. */
  #ends: readonly Readonly<{ atMs: number; end: Position }>[] = [];
  #looking: Promise<void> | undefined;
  #state: 'calm' | 'filling' = 'calm';

  constructor(wish: SlotWatchWish) {
    this.#wish = wish;
    this.#timer = setInterval(() => this.#lookAgain(), wish.everyMs ?? EVERY_MS).unref();
    this.#lookAgain();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  // What cannot be reached is told elsewhere.
  #lookAgain(): void {
    this.#looking ??= this.#look()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    const { pool, store, slot, emit } = this.#wish;
    const position = await store.position(slot);
    // Legacy may be away: what the store lacks grows older all the same.
    const { rows } = await pool.query<SlotRow>(LOOK, [slot]).catch(() => ({ rows: [] }));
    const [row] = rows;
    const lagMs = this.#measureLag(position, parsePosition(row?.end ?? ''));
    emit({ type: 'follow_measured', lagMs, heldBytes: row?.held ?? undefined });
    if (row) this.#judge(row);
  }

  #measureLag(position: Position | undefined, end: Position | undefined): number {
    const nowMs = performance.now();
    const last = this.#ends.at(-1)?.end;
    const seen = end !== undefined && end !== last ? [...this.#ends, { atMs: nowMs, end }] : this.#ends;
    this.#ends = seen.filter((one) => position !== undefined && one.end > position);
    return nowMs - (this.#ends[0]?.atMs ?? nowMs);
  }

  #judge({ held, safe, status, most }: SlotRow): void {
    const limit = most >= 0 ? most : this.#wish.heldBytes;
    const isFilling = status === 'unreserved' || status === 'lost' || (held ?? 0) > NEAR * limit;
    const state = isFilling ? 'filling' : 'calm';
    if (state === this.#state) return;
    this.#state = state;
    this.#wish.emit({
      type: 'slot_changed',
      state,
      detail: describe(this.#wish.slot, { held, safe, status, most }, limit),
    });
  }
}

function describe(slot: string, { held, safe, status, most }: Omit<SlotRow, 'end'>, limit: number): string {
  if (status === 'lost')
    return `legacy's server has given up the slot "${slot}": what comes next is not known`;
  const kept = `legacy keeps ${printBytes(held ?? 0)} of its log for the slot "${slot}"`;
  if (most < 0) return `${kept}, and its server sets no limit; ours is ${printBytes(limit)}`;
  return `${kept}; ${safe === null ? `it gives up at ${printBytes(limit)}` : `${printBytes(Math.max(0, safe))} more and it gives up`}`;
}
