import { setTimeout as wait } from 'node:timers/promises';
import type { Pace } from '../store/index.ts';
import { type LoadLimits, openLegacyLoad } from './legacy-load.ts';

export type CopyLimits = LoadLimits &
  Readonly<{
    /** Over all tenants that are copied at the same time; default as fast as it goes. */
    rowsPerSecond?: number;
  }>;

export type PaceWish = Readonly<{
  legacyUrl: string;
  slot: string;
  limits: CopyLimits;
  onRest: (reason: string | undefined) => void;
}>;

const LOOK_MS = 500;

/** As fast as was wished, and never while legacy has too much to do or its follower lags. */
export function openPace({ limits, onRest, ...wish }: PaceWish): Pace & Readonly<{ close(): Promise<void> }> {
  const load = openLegacyLoad(wish, limits);
  let dueMs = 0;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let reason: string | undefined;
  let looking: Promise<void> | undefined;
  const look = async () => {
    const before = reason;
    reason = await load.findReason();
    lookedMs = performance.now();
    if (reason !== before) onRest(reason);
  };
  const lookAgain = () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  return {
    note(rows) {
      const { rowsPerSecond } = limits;
      if (rowsPerSecond !== undefined)
        dueMs = Math.max(dueMs, performance.now()) + (rows * 1_000) / rowsPerSecond;
    },
    waitMs: () => Math.max(0, dueMs - performance.now()),
    async rest(signal) {
      for (;;) {
        signal.throwIfAborted();
        if (performance.now() - lookedMs > LOOK_MS) await lookAgain();
        const ms = reason === undefined ? Math.max(0, dueMs - performance.now()) : LOOK_MS;
        if (ms <= 0) return;
        await wait(Math.min(ms, LOOK_MS), undefined, { signal }).catch(() => undefined);
      }
    },
    close: load.close,
  };
}
