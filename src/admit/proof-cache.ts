import { LRUCache } from 'lru-cache';
import type { Failure, KnownCaller } from '../vocabulary/index.ts';
import type { Clock } from './clock.ts';

/** What one credential proved: who, or why not. */
export type Proof = KnownCaller | Failure;

export type Keep = Readonly<{
  freshMs: number;
  /** Wall clock, ms since 1970: what was proved is never believed past this. */
  expiresAtMs?: number | undefined;
}>;

export type ProofCache<Value> = Readonly<{
  get(id: string): Value | undefined;
  keep(id: string, value: Value, keep: Keep): void;
  forget(id: string): void;
  isEmpty(): boolean;
}>;

/** Proofs by the hash of their credential, never by the credential. Bounded, and each with an end. */
export function openProofCache<Value extends object>(most: number, clock: Clock): ProofCache<Value> {
  const kept = new LRUCache<string, { value: Value; staleAtMs: number; expiresAtMs: number }>({ max: most });
  return Object.freeze({
    get: (id: string) => {
      const entry = kept.get(id);
      if (entry === undefined) return undefined;
      if (clock.steadyMs() < entry.staleAtMs && clock.wallMs() < entry.expiresAtMs) return entry.value;
      kept.delete(id);
      return undefined;
    },
    keep: (id: string, value: Value, { freshMs, expiresAtMs = Number.POSITIVE_INFINITY }: Keep) => {
      kept.set(id, { value, staleAtMs: clock.steadyMs() + freshMs, expiresAtMs });
    },
    forget: (id: string) => {
      kept.delete(id);
    },
    isEmpty: () => kept.size === 0,
  });
}
