import type { IncomingMessage } from 'node:http';
import type { Tap } from '../vocabulary/index.ts';
import { BodyTooLarge } from './legacy-failure.ts';

/** The client's body on its way to legacy, chunk by chunk, at legacy's pace. */
export class Upload {
  readonly #req: IncomingMessage;
  readonly #maxBytes: number;
  readonly #tap: Tap | undefined;
  readonly #over = Promise.withResolvers<void>();
  #isHeld = false;

  constructor(req: IncomingMessage, maxBytes: number, tap: Tap | undefined) {
    this.#req = req;
    this.#maxBytes = maxBytes;
    this.#tap = tap;
  }

  /** Nothing more goes on: legacy has refused it, and what is sent to someone who closes is met by a reset that can overtake the answer. */
  hold(): void {
    this.#isHeld = true;
  }

  /** The exchange is over, and nobody waits for the rest. */
  release(): void {
    this.#over.resolve();
  }

  // undici destroys a body stream that it gives up on, and a destroyed request takes the client's connection with it.
  // This iterator leaves the request alone, so that the client can still be told what happened.
  async *read(): AsyncGenerator<Buffer> {
    let bytes = 0;
    for await (const chunk of this.#req.iterator({ destroyOnReturn: false })) {
      if (this.#isHeld) await this.#breakOff();
      bytes += (chunk as Buffer).length;
      if (bytes > this.#maxBytes) throw new BodyTooLarge();
      this.#tap?.uploaded(chunk as Buffer);
      yield chunk as Buffer;
    }
    // Without this, a body whose last chunk came too late would be ended as if it had been sent.
    if (this.#isHeld) await this.#breakOff();
  }

  /** Never a clean end: half a body must not look whole to legacy. */
  async #breakOff(): Promise<never> {
    await this.#over.promise;
    throw new Error('the rest is not wanted');
  }
}
