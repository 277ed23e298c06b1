import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Tap } from '../../vocabulary/index.ts';
import { type Json, renderJson } from './json-text.ts';
import type { Refusal } from './refusal.ts';

type Header = readonly [name: string, value: string | readonly string[]];

/** Who is told of the answer as it goes out. */
type Told = Readonly<{ tap?: Tap | undefined; answerBegan?: (manner: 'plain' | 'stream') => void }>;

// Django's SecurityMiddleware and XFrameOptionsMiddleware put these on everything.
const SECURITY: readonly Header[] = [
  ['X-Frame-Options', 'DENY'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'same-origin'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
];

/** Writes one answer with the headers that every answer of its view carries. Throws once nobody waits for it any more. */
export class Reply {
  readonly #res: ServerResponse;
  readonly #signal: AbortSignal;
  readonly #told: Told;
  #allow = '';
  #begun = false;

  constructor(res: ServerResponse, signal: AbortSignal, told: Told = {}) {
    this.#res = res;
    this.#signal = signal;
    this.#told = told;
  }

  /** The methods that the view answers, as DRF lists them in `Allow`. */
  set allow(methods: string) {
    this.#allow = methods;
  }

  /** True once our head was sent. Not `res.headersSent`: at a timeout the corridor answers on the same response. */
  get hasBegun(): boolean {
    return this.#begun;
  }

  json(status: number, value: Json, headers: readonly Header[] = []): Promise<void> {
    return this.#whole(status, renderJson(value), [
      ['Content-Type', 'application/json'],
      ...this.#usual(),
      ...headers,
    ]);
  }

  /** No body and no type: 204, 304, 416. */
  empty(status: number, headers: readonly Header[] = []): Promise<void> {
    const framing: readonly Header[] = status === 204 || status === 304 ? [] : [['Content-Length', '0']];
    this.begin(status, [...framing, ...headers]);
    return this.finish();
  }

  refuse({ status, body }: Refusal): Promise<void> {
    if (body.kind === 'page')
      return this.#whole(status, body.text, [['Content-Type', 'text/html; charset=utf-8']]);
    return this.#whole(status, body.text, [['Content-Type', 'application/json'], ...this.#usual()]);
  }

  /** Sends the head of a streamed answer. */
  begin(status: number, headers: readonly Header[]): void {
    this.#head(status, [...this.#usual(), ...headers]);
  }

  /** Sends a piece, and waits while the reader is slow. */
  async write(piece: string | Uint8Array): Promise<void> {
    this.#signal.throwIfAborted();
    this.#tell(piece);
    if (!this.#res.write(piece)) await once(this.#res, 'drain', { signal: this.#signal });
  }

  finish(last?: string): Promise<void> {
    this.#signal.throwIfAborted();
    if (last !== undefined) this.#tell(last);
    return new Promise((resolve, reject) => {
      // On an answer whose client has gone, `end` would never call back.
      const gone = () => reject(new Error('The client has gone.'));
      if (this.#res.destroyed) return gone();
      this.#res.once('close', gone);
      this.#res.end(last, resolve);
    });
  }

  #whole(status: number, text: string, headers: readonly Header[]): Promise<void> {
    this.#head(status, [...headers, ['Content-Length', String(Buffer.byteLength(text))]]);
    return this.finish(text);
  }

  #usual(): readonly Header[] {
    return [
      ['Vary', 'Accept, Cookie'],
      ['Allow', this.#allow],
    ];
  }

  // What the corridor has set before (X-Request-Id, …) stays; what a bad value would leave half set goes.
  #head(status: number, headers: readonly Header[]): void {
    this.#signal.throwIfAborted();
    const all = [...headers, ...SECURITY];
    try {
      for (const [name, value] of all) this.#res.setHeader(name, value);
    } catch (error) {
      for (const [name] of all) this.#res.removeHeader(name);
      throw error;
    }
    this.#begun = true;
    this.#told.answerBegan?.(all.some(isEventStream) ? 'stream' : 'plain');
    this.#told.tap?.answerBegan(
      status,
      all.flatMap(([name, values]) => [values].flat().flatMap((value) => [name, value])),
    );
    this.#res.writeHead(status);
  }

  #tell(piece: string | Uint8Array): void {
    this.#told.tap?.answered(typeof piece === 'string' ? Buffer.from(piece) : piece);
  }
}

const isEventStream = ([name, value]: Header) => name === 'Content-Type' && value === 'text/event-stream';
