import type { Dispatcher, Pool } from 'undici';
import type { Captured, Failure, SideAnswer } from '../vocabulary/index.ts';
import { readAnswerHead } from './answer-head.ts';
import type { Ask } from './ask.ts';
import { LegacyTooSlow, nameLegacyFailure, type Progress } from './legacy-failure.ts';

/** A question to legacy behind the client's back. Only for methods that change nothing (RFC 9110 section 9.2.1). */
export type SecondAsk = Pick<Ask, 'arrival' | 'identity'> &
  Readonly<{
    /** The whole exchange, in ms. */
    timeoutMs: number;
    /** A longer body is not kept. */
    mostBytes: number;
  }>;

/** So that legacy can leave such requests out of its throttles and statistics. */
const MARK = ['X-Banyan-Copy', '1'];

/** Asks, and keeps the whole answer. Nobody else sees it: no cookie of it is noted, no header is added. */
export function askAgain(pool: Pool, ask: SecondAsk): Promise<SideAnswer | Failure> {
  return new Promise((resolve) => {
    const { target, method, host, headers } = ask.arrival;
    const lines = [
      ...(host === '' ? [] : ['host', host]),
      ...headers,
      ...ask.identity.ofRequest,
      ...ask.identity.standing,
      ...MARK,
    ];
    const kept = new KeptAnswer(ask, resolve);
    try {
      pool.dispatch({ path: target, method: method as Dispatcher.HttpMethod, headers: lines }, kept);
    } catch (error) {
      kept.onError(error);
    }
  });
}

class KeptAnswer implements Dispatcher.DispatchHandler {
  readonly #ask: SecondAsk;
  readonly #resolve: (answer: SideAnswer | Failure) => void;
  readonly #askedMs = now();
  readonly #deadline: NodeJS.Timeout;
  #abort: (error: Error) => void = () => undefined;
  #progress: Progress = 'kept';
  #status = 0;
  #headers: readonly string[] = [];
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(ask: SecondAsk, resolve: (answer: SideAnswer | Failure) => void) {
    this.#ask = ask;
    this.#resolve = resolve;
    this.#deadline = setTimeout(() => {
      const tooSlow = new LegacyTooSlow();
      this.onError(tooSlow);
      this.#abort(tooSlow);
    }, ask.timeoutMs);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    this.#progress = 'sent';
  }

  onHeaders(status: number, raw: Buffer[]): boolean {
    if (status < 200) return true;
    this.#status = status;
    this.#headers = readAnswerHead(
      raw.map((bytes) => bytes.toString('latin1')),
      [],
    ).lines;
    return true;
  }

  onData(piece: Buffer): boolean {
    this.#bytes += piece.length;
    if (this.#bytes <= this.#ask.mostBytes) this.#pieces.push(piece);
    else this.#stopReading();
    return true;
  }

  onComplete(): void {
    this.#settle({ kind: 'whole', bytes: Buffer.concat(this.#pieces) });
  }

  onError(error: unknown): void {
    clearTimeout(this.#deadline);
    this.#resolve(
      this.#status > 0 && !(error instanceof LegacyTooSlow)
        ? this.#describe({ kind: 'broken' })
        : nameLegacyFailure(error, 'GET', this.#progress),
    );
  }

  #stopReading(): void {
    this.#pieces = [];
    this.#settle({ kind: 'larger' });
    this.#abort(new Error('the rest is not wanted'));
  }

  #settle(body: Captured): void {
    clearTimeout(this.#deadline);
    this.#resolve(this.#describe(body));
  }

  #describe(body: Captured): SideAnswer {
    return {
      status: this.#status,
      headers: this.#headers,
      body,
      askedMs: this.#askedMs,
      answeredMs: now(),
    };
  }
}

const now = () => Date.now();
