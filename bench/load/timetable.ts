/**
 * When each request of an open loop is due: `rate` a second, evenly, whatever the answers take. A request that cannot be sent when it is
 * due stays due since then, so that its latency holds what it has waited (no coordinated omission).
 */
export class Timetable {
  readonly #gapMs: number;
  readonly #beginMs: number;
  #taken = 0;

  constructor(rate: number, beginMs: number) {
    this.#gapMs = 1_000 / rate;
    this.#beginMs = beginMs;
  }

  /** When the next request is due that nobody has taken. */
  get nextMs(): number {
    return this.#beginMs + this.#taken * this.#gapMs;
  }

  /** The moment for which the next request was meant, if that has come; from then on it is the caller's to send. */
  take(nowMs: number): number | undefined {
    const dueMs = this.nextMs;
    if (dueMs > nowMs) return undefined;
    this.#taken += 1;
    return dueMs;
  }
}
