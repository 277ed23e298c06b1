/** Until the first copy has told what it took. */
const FIRST_GUESS_MS = 10;
/** How much of the newest copy is in what the next one is expected to take. */
const NEWEST = 0.1;
/** A copy that took everything it could is paid back no longer than this. */
const LONGEST_REST_MS = 5_000;

/**
 * Processor time for rehearsals, in cores: after each copy there is a rest, so long that the mean stays within. Nothing is saved up: a burst
 * at full speed would be felt by whoever comes meanwhile. What a copy will take is put down as it begins, and corrected when it is known.
 */
export class ProcessorBudget {
  readonly #cores: number;
  #freeAtMs = 0;
  #typicalMs = FIRST_GUESS_MS;

  constructor(cores: number) {
    this.#cores = cores;
  }

  /** How long the next copy has to wait, in ms. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#freeAtMs - nowMs);
  }

  /** How long a copy will wait that comes after so many others, in ms. */
  foreseeMs(waiting: number, nowMs: number): number {
    return this.restMs(nowMs) + (waiting * this.#typicalMs) / this.#cores;
  }

  /** A copy begins; answers what to call with the processor time that it took, in ms. */
  begin(nowMs: number): (usedMs: number, nowMs: number) => void {
    const guessMs = this.#typicalMs;
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + guessMs / this.#cores;
    return (usedMs, endedMs) => {
      const freeAtMs = this.#freeAtMs + (usedMs - guessMs) / this.#cores;
      this.#freeAtMs = Math.min(freeAtMs, endedMs + LONGEST_REST_MS);
      this.#typicalMs += (Math.min(usedMs, LONGEST_REST_MS * this.#cores) - this.#typicalMs) * NEWEST;
    };
  }
}
