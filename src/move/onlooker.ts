import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import type { FollowStore } from '../store/index.ts';
import { type Position, parsePosition } from '../vocabulary/index.ts';
import type { Heard } from './heard.ts';

export type OnlookerWish = Readonly<{
  pool: pg.Pool;
  store: FollowStore;
  slot: string;
  heard: Heard;
  nowMs: () => number;
  onMark: (token: string, position: Position) => void;
}>;

const LOOK_MS = 50;
const ARRIVAL_MS = 10;

/**
 * Knows at second hand what the instance knows that reads the slot: how far legacy's log has grown, from legacy; how far that has come
 * into the store, from the store. So every instance can compare, though only one of them follows.
 */
export class Onlooker {
  readonly #wish: OnlookerWish;
  #awaited: string | undefined;

  constructor(wish: OnlookerWish) {
    this.#wish = wish;
  }

  /** Until the slot is free, or the signal says so. Rejects where legacy cannot be asked. */
  async run(signal: AbortSignal): Promise<void> {
    const { pool, slot, heard, nowMs } = this.#wish;
    while (!signal.aborted) {
      const { rows } = await pool.query<{ position: string; active: boolean | null }>(
        `SELECT pg_current_wal_flush_lsn()::text AS position,
           (SELECT active FROM pg_replication_slots WHERE slot_name = $1) AS active`,
        [slot],
      );
      const position = parsePosition(rows[0]?.position ?? '');
      if (position !== undefined) heard.note(nowMs(), position);
      if (rows[0]?.active !== true) return;
      await wait(LOOK_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** A mark was written here. The instance that follows stores how far it has come when it meets one. */
  async expect(token: string, mark: Position, signal: AbortSignal): Promise<void> {
    const { store, slot, onMark } = this.#wish;
    this.#awaited = token;
    while (!signal.aborted && this.#awaited === token) {
      if (((await store.position(slot)) ?? 0n) >= mark) {
        const position = await store.hold(slot);
        if (position !== undefined && position >= mark) return onMark(token, position);
      }
      await wait(ARRIVAL_MS, undefined, { ref: false });
    }
  }
}
