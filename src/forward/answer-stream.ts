import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import { fail, type Outcome } from '../vocabulary/index.ts';
import { readAnswerHead } from './answer-head.ts';
import type { Ask } from './ask.ts';
import { isSafe, LegacyTooSlow, nameLegacyFailure, wasStaleConnection } from './legacy-failure.ts';

/** `stale`: lost on a connection that legacy was closing, before a byte of the answer; one more try is fair. */
export type Ended = Outcome | Readonly<{ kind: 'stale' }>;

// RFC 9112 section 4. undici reads it as UTF-8, so that other bytes come as signs that no status line can carry.
const REASON_PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

type Wish = Readonly<{
  ask: Ask;
  req: IncomingMessage;
  res: ServerResponse;
  streamIdleMs: number;
  mayRetry: boolean;
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
  #wrote: 'nothing' | 'head' | 'body' = 'nothing';
  #isSettled = false;

  constructor(wish: Wish) {
    this.#wish = wish;
    this.#silence = setTimeout(this.#giveUp, wish.ask.timeoutMs);
    wish.res.once('close', this.#onClientClose);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    // Given up while it waited for a connection: what was answered already must not be asked after all.
    if (this.#isSettled) return abort(new Error('nobody waits for this any more'));
    if (this.#wish.res.destroyed) this.#onClientClose();
  }

  /** The client's upload counts as progress: only silence runs into the deadline. */
  onBodySent(): void {
    this.#silence.refresh();
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    // Interim answers (103) end here; a 101 that nobody asked for is refused by undici.
    if (status < 200) return true;
    if (status > 599) throw new Error('a status code beyond 599');
    const { req, res, ask, streamIdleMs } = this.#wish;
    const head = readAnswerHead(raw, ask.added);
    if (head.cookies.length > 0) ask.noteCookies(head.cookies);
    if (head.isEventStream) ask.noteStream?.();
    ask.tap?.answerBegan(status, head.own);
    // An early answer (413) to an upload that is still coming: the rest is not read, so the connection cannot be used again.
    if (!req.complete) head.lines.push('Connection', 'close');
    res.writeHead(
      status,
      REASON_PHRASE.test(statusText) ? statusText : (STATUS_CODES[status] ?? ''),
      head.lines,
    );
    this.#wrote = 'head';
    clearTimeout(this.#silence);
    this.#silence = setTimeout(this.#giveUp, head.isEventStream ? streamIdleMs : ask.timeoutMs);
    res.on('drain', resume);
    // A body that has come with its head leaves with it in one write; a head that waits for its body leaves alone.
    queueMicrotask(() => this.#wrote === 'head' && res.flushHeaders());
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#wrote = 'body';
    this.#silence.refresh();
    this.#wish.ask.tap?.answered(chunk);
    return this.#wish.res.write(chunk);
  }

  onComplete(): void {
    clearTimeout(this.#silence);
    const { res } = this.#wish;
    res.end(() => this.#settle({ kind: 'answered', status: res.statusCode }));
  }

  onError(error: unknown): void {
    const ended = this.#judge(error);
    this.#settle(ended);
    // Never end cleanly what is not whole: the client must see a broken message (RFC 9112 section 8).
    if (ended.kind === 'cut') this.#wish.res.destroy();
  }

  #judge(error: unknown): Ended {
    const { res, ask, mayRetry } = this.#wish;
    const { method } = ask.arrival;
    if (res.destroyed) return { kind: 'abandoned' };
    const nothingCame = this.#wrote === 'nothing';
    if (nothingCame && mayRetry && isSafe(method) && wasStaleConnection(error)) return { kind: 'stale' };
    const failure = this.#isClientLate(error)
      ? fail('request_too_slow', { retrySafe: isSafe(method) })
      : nameLegacyFailure(error, method);
    return nothingCame ? { kind: 'failed', failure } : { kind: 'cut', status: res.statusCode, failure };
  }

  /** Legacy cannot answer what has not arrived. What has arrived and waits in our buffer, though, is legacy's not to read. */
  #isClientLate(error: unknown): boolean {
    const { req } = this.#wish;
    return error instanceof LegacyTooSlow && !req.complete && req.readableLength === 0;
  }

  readonly #giveUp = () => {
    // Legacy is held back by a slow reader, not silent; a reader that has stopped is the listener's to cut.
    if (this.#wish.res.writableLength > 0) {
      this.#silence.refresh();
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
    this.#wish.resolve(ended);
  }
}
