import { STATUS_CODES } from 'node:http';
import { performance } from 'node:perf_hooks';
import {
  type Failure,
  fail,
  type IncomingRequest,
  type Outcome,
  type OutgoingAnswer,
} from '../vocabulary/index.ts';
import type { AnswerForm } from './answer-form.ts';
import { dropLength, readAnswerHead } from './answer-head.ts';
import type { Ask } from './ask.ts';
import { isSafe, LegacyTooSlow, nameLegacyFailure, type Progress, StaleLine } from './legacy-failure.ts';
import type { Line, Question } from './line.ts';
import type { Lines } from './lines.ts';
import { SLAB_BYTES, takeSlab } from './slabs.ts';
import type { Upload } from './upload.ts';

function choosePhrase(status: number, text: string): string {
  const usual = STATUS_CODES[status] ?? '';
  return text === usual || !REASON_PHRASE.test(text) ? usual : text;
}

/** `stale`: lost on a connection that legacy was closing, before a byte of the answer; one more try is fair. */
export type Ended = Outcome | Readonly<{ kind: 'stale'; failure: Failure }>;

// RFC 9112 section 4, less the bytes of which nobody knows in which alphabet they are.
const REASON_PHRASE = /^[\t\x20-\x7e]*$/;

/** A body of so few bytes that comes in one piece with its head is written with it, as one string: 5 µs less than two buffers. */
const SMALL_BYTES = 16 * 1024;

/** Two pieces: one on its way, and one that the client's connection has not taken. */
const MOST_UNSENT_BYTES = 2 * SLAB_BYTES;

type AnswerHead = Readonly<{ status: number; phrase: string; lines: string[] }>;

/** A `second` may follow on the `first`; a request with a body has one `only`. */
export type Turn = 'first' | 'second' | 'only';

type Wish = Readonly<{
  ask: Ask;
  req: IncomingRequest;
  res: OutgoingAnswer;
  streamIdleMs: number;
  turn: Turn;
  head: string;
  servername: string | undefined;
  isLast: boolean;
  upload: Upload | undefined;
  lines: Lines;
  resolve: (ended: Ended) => void;
}>;

/** One question to legacy, and its answer on the way to the client. */
export class AnswerStream implements Question {
  readonly method: string;
  readonly head: string;
  readonly servername: string | undefined;
  readonly isLast: boolean;
  readonly upload: Upload | undefined;
  readonly #wish: Wish;
  #line: Line | undefined;
  #silence: NodeJS.Timeout;
  #patienceMs: number;
  #heardMs = performance.now();
  #progress: Progress = 'kept';
  #wrote: 'nothing' | 'head' | 'body' | 'all' = 'nothing';
  /** Kept until it is known what has come with it: where that is no HTTP, the client is told so instead. */
  #head: AnswerHead | undefined;
  /** The first piece of the body, for as long as it may turn out to be the whole; a character a byte, as in the head. */
  #held: string | undefined;
  #hasBegun = false;
  #waitsForClient = false;
  #isSettled = false;

  constructor(wish: Wish) {
    this.#wish = wish;
    this.method = wish.ask.arrival.method;
    this.head = wish.head;
    this.servername = wish.servername;
    this.isLast = wish.isLast;
    this.upload = wish.upload;
    this.#patienceMs = wish.ask.timeoutMs;
    this.#silence = setTimeout(this.#lookUp, this.#patienceMs);
    wish.res.once('close', this.#onClientClose);
  }

  asked(line: Line): boolean {
    // Given up while it waited for a connection: what was answered already must not be asked after all.
    if (this.#wish.res.destroyed) this.#onClientClose();
    if (this.#isSettled) return false;
    this.#line = line;
    this.#progress = 'sent';
    return true;
  }

  /** The client's upload counts as progress: only silence runs into the deadline. */
  sent(): void {
    this.#heardMs = performance.now();
  }

  began(status: number, phrase: string, raw: string[], form?: AnswerForm): void {
    if (this.#isSettled) return;
    this.#hasBegun = true;
    const { req, ask, streamIdleMs } = this.#wish;
    const head = readAnswerHead(raw, ask.added, form);
    if (head.cookies.length > 0) ask.noteCookies(head.cookies);
    ask.answerBegan?.(head.isEventStream ? 'stream' : 'plain');
    ask.tap?.answerBegan(status, head.lines.slice(0, head.ownLength));
    const lines = status === 204 ? dropLength(head.lines) : head.lines;
    // An early answer to an upload that is still coming: the connection cannot be used again, and what is refused (413) need not come.
    if (!req.complete) {
      lines.push('Connection', 'close');
      if (status >= 400) this.upload?.hold();
    }
    this.#head = { status, phrase: choosePhrase(status, phrase), lines };
    this.#listenOn(head.isEventStream ? streamIdleMs : ask.timeoutMs);
  }

  piece(bytes: Buffer): void {
    if (this.#isSettled) return;
    const { res, ask } = this.#wish;
    if (this.#head !== undefined && bytes.length <= SMALL_BYTES) {
      this.#held = bytes.toString('latin1');
      ask.tap?.answered(Buffer.from(bytes));
      return;
    }
    this.#writeHead();
    this.#wrote = 'body';
    // What is written leaves at the end of this turn; to stop reading for that is in vain.
    if (!this.#write(bytes) && res.writableLength > MOST_UNSENT_BYTES) this.#waitForClient();
  }

  /** The bytes are the line's: what the client does not have at once is copied. */
  #write(bytes: Buffer): boolean {
    const { res, ask } = this.#wish;
    if (ask.tap === undefined && bytes.length > SMALL_BYTES && bytes.length <= SLAB_BYTES) {
      const slab = takeSlab();
      return res.write(slab.fill(bytes), slab.written);
    }
    const copy = Buffer.from(bytes);
    ask.tap?.answered(copy);
    return res.write(copy);
  }

  /** More may come: what was held goes on its way, and a head does not wait for its body. */
  toldSoFar(): void {
    // Half a head is no answer yet, nor is an interim one.
    if (this.#isSettled || !this.#hasBegun) return;
    this.#heardMs = performance.now();
    if (this.#head === undefined) return;
    this.#writeHead();
    if (this.#held === undefined) return this.#wish.res.flushHeaders();
    this.#wrote = 'body';
    this.#wish.res.write(this.#held, 'latin1');
    this.#held = undefined;
  }

  #writeHead(): void {
    if (this.#head === undefined) return;
    const { status, phrase, lines } = this.#head;
    this.#head = undefined;
    this.#wrote = 'head';
    this.#wish.res.writeHead(status, phrase, lines);
  }

  #waitForClient(): void {
    if (this.#waitsForClient) return;
    this.#waitsForClient = true;
    this.#line?.hold();
    this.#wish.res.once('drain', this.#goOn);
  }

  readonly #goOn = () => {
    this.#waitsForClient = false;
    // While it was held back it had nothing to say: its time begins anew.
    this.#heardMs = performance.now();
    // The line may have others to serve by now.
    if (this.#wrote !== 'all' && !this.#isSettled) this.#line?.letGo();
  };

  /** The answer has begun, and from here on may be silent for so long. */
  #listenOn(patienceMs: number): void {
    if (patienceMs < this.#patienceMs) {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(this.#lookUp, patienceMs);
    }
    this.#patienceMs = patienceMs;
  }

  whole(): void {
    if (this.#isSettled) return;
    const { res } = this.#wish;
    this.#writeHead();
    this.#wrote = 'all';
    clearTimeout(this.#silence);
    if (this.#held === undefined) res.end();
    else res.end(this.#held, 'latin1');
    this.#held = undefined;
  }

  failed(error: unknown): void {
    if (this.#wrote === 'all' || this.#isSettled) return;
    const ended = this.#judge(error);
    this.#settle(ended);
    if (ended.kind === 'cut') this.#breakOff();
    this.#leave();
  }

  /** Legacy notices at once that nobody waits any more. */
  #leave(): void {
    if (this.#line === undefined) this.#wish.lines.forget(this);
    else this.#line.giveUp();
  }

  /** Never end cleanly what is not whole: the client must see a broken message (RFC 9112 section 8). */
  #breakOff(): void {
    const { req, res } = this.#wish;
    // To HTTP/1.0 the end of the connection may be the end of the answer; a reset is not.
    if (req.httpVersionMinor === 0) req.socket.resetAndDestroy();
    res.destroy();
  }

  #judge(error: unknown): Ended {
    const { res, turn } = this.#wish;
    if (res.destroyed) return { kind: 'abandoned' };
    const failure = this.#isClientLate(error)
      ? fail('request_too_slow', { retrySafe: isSafe(this.method) })
      : nameLegacyFailure(error, this.method, this.#progress);
    if (this.#wrote !== 'nothing') return { kind: 'cut', status: res.statusCode, failure };
    const isStale = turn === 'first' && error instanceof StaleLine;
    return isStale && isSafe(this.method) ? { kind: 'stale', failure } : { kind: 'failed', failure };
  }

  /** Legacy cannot answer what has not arrived. What has arrived and waits in our buffers, though, is legacy's not to read. */
  #isClientLate(error: unknown): boolean {
    const { req } = this.#wish;
    const isOurs = !req.complete && req.readableLength === 0 && this.upload?.isFull !== true;
    return error instanceof LegacyTooSlow && isOurs;
  }

  // One timer an exchange: a note of the time for each piece of it is cheaper than to set a timer back.
  readonly #lookUp = () => {
    if (this.#isSettled || this.#wrote === 'all') return;
    // Legacy is held back by a slow reader, not silent; a reader that has stopped is the listener's to cut.
    if (this.#wish.res.writableLength > 0) this.#heardMs = performance.now();
    const restMs = this.#heardMs + this.#patienceMs - performance.now();
    if (restMs <= 0) return this.#lookTwice();
    this.#silence = setTimeout(this.#lookUp, Math.ceil(restMs));
  };

  /** A loop that was held up looks at its timers before it reads: what has come meanwhile counts before legacy is called silent. */
  #lookTwice(): void {
    const heardMs = this.#heardMs;
    setImmediate(() => {
      if (this.#heardMs === heardMs) this.failed(new LegacyTooSlow());
      else this.#lookUp();
    });
  }

  // The last that is heard of any answer, whichever way it ends.
  readonly #onClientClose = () => {
    if (this.#isSettled) return;
    const { res } = this.#wish;
    if (res.writableFinished) return this.#settle({ kind: 'answered', status: res.statusCode });
    this.#settle({ kind: 'abandoned' });
    if (this.#wrote !== 'all') this.#leave();
  };

  #settle(ended: Ended): void {
    this.#isSettled = true;
    clearTimeout(this.#silence);
    this.#wish.res.off('close', this.#onClientClose);
    this.#wish.resolve(ended);
  }
}
