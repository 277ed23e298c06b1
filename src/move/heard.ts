import type { Position } from '../vocabulary/index.ts';

/**
 * A commit can be heard here a moment before other sessions of legacy see it: it is in the log first. What was heard within this time
 * does not count as heard yet.
 */
const VISIBLE_MS = 10;
const KEPT_MS = 120_000;

/** How far legacy's log was heard of, and when. */
export class Heard {
  /** In the order of both. */
  readonly #marks: { readonly atMs: number; position: Position }[] = [];

  note(atMs: number, position: Position): void {
    const last = this.#marks.at(-1);
    if (last && position <= last.position) return;
    if (last && atMs <= last.atMs) last.position = position;
    else this.#marks.push({ atMs, position });
    this.#forget(atMs);
  }

  by(atMs: number): Position | undefined {
    const until = atMs - VISIBLE_MS;
    let [low, high] = [0, this.#marks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#marks[middle]?.atMs ?? Number.POSITIVE_INFINITY) <= until) low = middle + 1;
      else high = middle;
    }
    return this.#marks[low - 1]?.position;
  }

  // Seldom and much at once, because it moves what stays.
  #forget(nowMs: number): void {
    const first = this.#marks[0];
    if (first === undefined || nowMs - first.atMs < 2 * KEPT_MS) return;
    const kept = this.#marks.findIndex(({ atMs }) => nowMs - atMs < KEPT_MS);
    this.#marks.splice(0, kept < 0 ? this.#marks.length - 1 : kept);
  }
}
