// Latencies in buckets whose width grows with what they hold: 128 of them for each doubling, so that a quantile is at most 0.8 % off,
// and noting one costs no more than an array's element. Values are whole units (microseconds here) up to 2^40.

const STEPS_BITS = 7;
const STEPS = 1 << STEPS_BITS;
const DOUBLINGS = 40 - STEPS_BITS;

export class Histogram {
  readonly #counts = new Float64Array((DOUBLINGS + 1) * STEPS);
  #count = 0;
  #most = 0;

  get count(): number {
    return this.#count;
  }

  /** Exact. */
  get most(): number {
    return this.#most;
  }

  note(value: number): void {
    const whole = Math.max(0, Math.floor(value));
    const at = findBucket(whole);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#count += 1;
    if (whole > this.#most) this.#most = whole;
  }

  /** The value below or at which a share of all lies (nearest rank), as the upper end of its bucket; NaN of nothing. */
  quantile(share: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(this.#count * share));
    let seen = 0;
    for (let at = 0; at < this.#counts.length; at += 1) {
      seen += this.#counts[at] ?? 0;
      if (seen >= rank) return Math.min(findUpperEnd(at), this.#most);
    }
    return this.#most;
  }
}

// Below 128 each value has a bucket of its own; from there on the top 8 bits name it.
function findBucket(value: number): number {
  if (value < STEPS) return value;
  const doubling = Math.min(DOUBLINGS, Math.floor(Math.log2(value)) - STEPS_BITS + 1);
  const step = Math.floor(value / 2 ** (doubling - 1)) - STEPS;
  return doubling * STEPS + Math.min(step, STEPS - 1);
}

function findUpperEnd(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const doubling = Math.floor(bucket / STEPS);
  const step = bucket % STEPS;
  return (STEPS + step + 1) * 2 ** (doubling - 1) - 1;
}
