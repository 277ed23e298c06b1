import type { FollowStore } from '../store/index.ts';
import type { Position } from '../vocabulary/index.ts';

/** A rehearsal may be asked for this long after its request. */
const LEAST_MS = 120_000;
const USUAL_MS = 180_000;

/** How long the journal of legacy's changes is kept. */
export class Retention {
  readonly #keptMs: number;
  /** Where following stood, in the order of time. */
  readonly #passed: { readonly atMs: number; readonly position: Position }[] = [];

  constructor(keptMs: number = USUAL_MS) {
    this.#keptMs = Math.max(keptMs, LEAST_MS);
  }

  /** What was stored long enough ago goes. */
  async tidy(store: FollowStore, slot: string, stored: Position): Promise<void> {
    const nowMs = performance.now();
    this.#passed.push({ atMs: nowMs, position: stored });
    const old = this.#passed.filter(({ atMs }) => nowMs - atMs > this.#keptMs);
    this.#passed.splice(0, old.length);
    const last = old.at(-1);
    if (last) await store.forget(slot, last.position);
  }
}
