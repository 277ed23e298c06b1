// Memory for pieces of large bodies, used again as soon as the client has them. Fresh buffers live outside of the engine's heap, which is
// looked through as a whole for every 64 MB of them: with this gateway's heap that is more work than passing the bytes on.

/** As much as one reading of a line brings at most. */
export const SLAB_BYTES = 64 * 1024;
/** 8 MB. More than that is let go. */
const MOST_KEPT = 128;

const kept: Slab[] = [];

export class Slab {
  readonly #memory = Buffer.allocUnsafeSlow(SLAB_BYTES);

  /** A copy of these bytes, good until `written` is called. */
  fill(bytes: Buffer): Buffer {
    bytes.copy(this.#memory);
    return this.#memory.subarray(0, bytes.length);
  }

  // Of a write that failed nobody knows who still looks at its bytes: they must never change.
  readonly written = (error?: Error | null): void => {
    if (!error && kept.length < MOST_KEPT) kept.push(this);
  };
}

export const takeSlab = (): Slab => kept.pop() ?? new Slab();
