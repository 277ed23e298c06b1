import { LRUCache } from 'lru-cache';
import type { Emit } from '../vocabulary/index.ts';
import type { Clock } from './clock.ts';
import { tellTrouble } from './trouble.ts';

export type Denials = Readonly<{
  has(hash: string): boolean;
  add(hash: string): void;
  close(): void;
}>;

export type DenialSource = Readonly<{
  /** Hashes denied since then; called once a second. */
  deniedSince: (since: Date) => Promise<readonly string[]>;
  /** Where it is, for the one event that tells of a bug in it. */
  where: string;
  /** How far the first question looks back, in ms. */
  firstLookMs: number;
}>;

const POLL_MS = 1_000;
// Every question looks back this far: longer than any proof is kept (60 s) plus the skew of the clock that wrote the denial.
const OVERLAP_MS = 120_000;
const MOST = 50_000;

/**
 * What was taken back, learned from the store once a second, so that every instance knows within 2 s (faults row 34).
 * Asked before every cache. While the store is silent, the last good question's time is kept and nothing is missed.
 */
export function openDenials(source: DenialSource, clock: Clock, emit: Emit): Denials {
  const denied = new LRUCache<string, true>({ max: MOST });
  let lastGoodMs = clock.wallMs() - source.firstLookMs + OVERLAP_MS;
  let isAsking = false;
  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    const askedMs = clock.wallMs();
    try {
      for (const hash of await source.deniedSince(new Date(lastGoodMs - OVERLAP_MS))) denied.set(hash, true);
      lastGoodMs = askedMs;
    } catch (error) {
      tellTrouble(error, source.where, emit);
    } finally {
      isAsking = false;
    }
  };
  const timer = setInterval(ask, POLL_MS).unref();
  void ask();
  return Object.freeze({
    has: (hash: string) => denied.has(hash),
    add: (hash: string) => {
      denied.set(hash, true);
    },
    close: () => clearInterval(timer),
  });
}
