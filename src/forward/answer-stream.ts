import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import { type Failure, fail, type Outcome } from '../vocabulary/index.ts';
import { dropLength, readAnswerHead } from './answer-head.ts';
import type { Ask } from './ask.ts';
import {
  isSafe,
  LegacyTooSlow,
  nameLegacyFailure,
  type Progress,
  wasStaleConnection,
} from './legacy-failure.ts';
import type { Upload } from './upload.ts';

function choosePhrase(status: number, text: string): string {
  const usual = STATUS_CODES[status] ?? '';
  return text === usual || !REASON_PHRASE.test(text) ? usual : text;
}

/** `stale`: lost on a connection that legacy was closing, before a byte of the answer; one more try is fair. */
export type Ended = Outcome | Readonly<{ kind: 'stale'; failure: Failure }>;

// RFC 9112 section 4. undici reads it as UTF-8, so that other bytes come as signs that no status line can carry.
const REASON_PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A body of so few bytes that comes in one piece with its head is copied behind it, and both leave in one write: 5 µs less than two buffers. */
const SMALL_BYTES = 16 * 1024;

/** A `second` may follow on the `first`; a request with a body has one `only`. */
export type Turn = 'first' | 'second' | 'only';

type Wish = Readonly<{
  ask: Ask;
  req: IncomingMessage;
  res: ServerResponse;
  streamIdleMs: number;
  upload: Upload | undefined;
  turn: Turn;
  resolve: (ended: Ended) => void;
}>;

/**
 * One answer on its way from legacy to the client, as undici's dispatcher tells it. The raw form of its handler is used
 * because it gives header lines with their case, order and repeats; the newer form gives a parsed object.
 */
export class AnswerStream implements Dispatcher.DispatchHandler {
  readonly #wish: Wish;
  #abort: (error: Error) => void = () => undefined;
  #silence: NodeJS.Timeout;
  #patienceMs: number;
  #heardMs = performance.now();
  #resume: () => void = () => undefined;
  #progress: Progress = 'kept';
  #hasAnswerBegun = false;
  #wrote: 'nothing' | 'head' | 'head_alone' | 'body' | 'all' = 'nothing';
  /** The first piece of the body, for as long as it may turn out to be the whole. */
  #held: Buffer | undefined;
  #isSettled = false;

  constructor(wish: Wish) {
    this.#wish = wish;
    this.#patienceMs = wish.ask.timeoutMs;
    this.#silence = setTimeout(this.#lookUp, this.#patienceMs);
    wish.res.once('close', this.#onClientClose);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    this.#progress = 'sent';
    // Given up while it waited for a connection: what was answered already must not be asked after all.
    if (this.#isSettled) return abort(new Error('nobody waits for this any more'));
    if (this.#wish.res.destroyed) this.#onClientClose();
  }

  /** The client's upload counts as progress: only silence runs into the deadline. */
  onBodySent(): void {
    this.#heardMs = performance.now();
  }

  onResponseStarted(): void {
    this.#hasAnswerBegun = true;
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    // Interim answers (103) end here; a 101 or a 100 that nobody asked for is refused by undici.
    if (status < 200) return true;
    if (status > 599) throw new Error('a status code beyond 599');
    const { req, res, ask, streamIdleMs } = this.#wish;
    const head = readAnswerHead(raw, ask.added);
    if (!head.isReadable) throw new Error('a transfer coding beyond chunked');
    if (head.cookies.length > 0) ask.noteCookies(head.cookies);
    ask.answerBegan?.(head.isEventStream ? 'stream' : 'plain');
    ask.tap?.answerBegan(status, head.own);
    const lines = status === 204 ? dropLength(head.lines) : head.lines;
    // An early answer to an upload that is still coming: the connection cannot be used again, and what is refused (413) need not come.
    if (!req.complete) {
      lines.push('Connection', 'close');
      if (status >= 400) this.#wish.upload?.hold();
    }
    res.writeHead(status, choosePhrase(status, statusText), lines);
    this.#wrote = 'head';
    // Whatever legacy sends behind such a head, even a length without a body, is no part of the answer (RFC 9112 section 6.3).
    if (ask.arrival.method === 'HEAD' || status === 204 || status === 304) {
      this.#finish();
      return true;
    }
    this.#listenOn(head.isEventStream ? streamIdleMs : ask.timeoutMs);
    this.#resume = resume;
    // A body that has come with its head leaves with it in one write; a head that waits for its body leaves alone.
    queueMicrotask(() => {
      if (this.#wrote !== 'head') return this.#letGo();
      this.#wrote = 'head_alone';
      res.flushHeaders();
    });
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#wrote === 'all') return true;
    const isFirst = this.#wrote === 'head';
    this.#wrote = 'body';
    this.#heardMs = performance.now();
    this.#wish.ask.tap?.answered(chunk);
    if (isFirst && chunk.length <= SMALL_BYTES) {
      this.#held = chunk;
      return true;
    }
    this.#letGo();
    const { res } = this.#wish;
    const mayGoOn = res.write(chunk);
    if (!mayGoOn) res.once('drain', this.#resume);
    return mayGoOn;
  }

  /** More may come: what was held goes on its way. */
  #letGo(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#wish.res.write(held);
  }

  /** The answer has begun, and from here on may be silent for so long. */
  #listenOn(patienceMs: number): void {
    this.#heardMs = performance.now();
    if (patienceMs < this.#patienceMs) {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(this.#lookUp, patienceMs);
    }
    this.#patienceMs = patienceMs;
  }

  onComplete(): void {
    if (this.#wrote !== 'all') this.#finish();
  }

  #finish(): void {
    this.#wrote = 'all';
    clearTimeout(this.#silence);
    const { res } = this.#wish;
    const settle = () => this.#settle({ kind: 'answered', status: res.statusCode });
    const whole = this.#held?.toString('latin1');
    this.#held = undefined;
    // One character a byte, as in the head, so that Node makes one string of them.
    if (whole === undefined) res.end(settle);
    else res.end(whole, 'latin1', settle);
  }

  onError(error: unknown): void {
    if (this.#wrote === 'all') return;
    const ended = this.#judge(error);
    this.#settle(ended);
    if (ended.kind === 'cut') this.#breakOff();
  }

  /** Never end cleanly what is not whole: the client must see a broken message (RFC 9112 section 8). */
  #breakOff(): void {
    const { req, res } = this.#wish;
    // To HTTP/1.0 the end of the connection may be the end of the answer; a reset is not.
    if (req.httpVersionMinor === 0) req.socket.resetAndDestroy();
    res.destroy();
  }

  #judge(error: unknown): Ended {
    const { res, ask, turn } = this.#wish;
    const { method } = ask.arrival;
    if (res.destroyed) return { kind: 'abandoned' };
    const failure = this.#isClientLate(error)
      ? fail('request_too_slow', { retrySafe: isSafe(method) })
      : nameLegacyFailure(error, method, this.#progress);
    if (this.#wrote !== 'nothing') return { kind: 'cut', status: res.statusCode, failure };
    const isStale = turn === 'first' && !this.#hasAnswerBegun && wasStaleConnection(error);
    return isStale && isSafe(method) ? { kind: 'stale', failure } : { kind: 'failed', failure };
  }

  /** Legacy cannot answer what has not arrived. What has arrived and waits in our buffer, though, is legacy's not to read. */
  #isClientLate(error: unknown): boolean {
    const { req } = this.#wish;
    return error instanceof LegacyTooSlow && !req.complete && req.readableLength === 0;
  }

  // One timer an exchange: a note of the time for each piece of it is cheaper than to set a timer back.
  readonly #lookUp = () => {
    // Legacy is held back by a slow reader, not silent; a reader that has stopped is the listener's to cut.
    if (this.#wish.res.writableLength > 0) this.#heardMs = performance.now();
    const restMs = this.#heardMs + this.#patienceMs - performance.now();
    if (restMs > 0) {
      this.#silence = setTimeout(this.#lookUp, Math.ceil(restMs));
      return;
    }
    const tooSlow = new LegacyTooSlow();
    this.onError(tooSlow);
    this.#abort(tooSlow);
  };

  readonly #onClientClose = () => {
    if (this.#wish.res.writableFinished) return;
    this.#settle({ kind: 'abandoned' });
    this.#abort(new Error('the client went away'));
  };

  #settle(ended: Ended): void {
    this.#isSettled = true;
    clearTimeout(this.#silence);
    this.#wish.res.off('close', this.#onClientClose);
    this.#wish.upload?.release();
    this.#wish.resolve(ended);
  }
}
