import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TenantStore, Work } from '../store/index.ts';
import type { Arrival, Caller, Decision, Tap } from '../vocabulary/index.ts';
import type { Effects } from './ports.ts';
import { Reply } from './wire/reply.ts';

/** A request that the corridor hands over. */
export type HandleRequest = Readonly<{
  arrival: Arrival;
  caller: Caller;
  decision: Pick<Decision, 'handler' | 'params' | 'route'>;
  /** What the gateway adds to a handshake's answer, name and value in turn; an ordinary answer's is on `res` already. */
  added?: readonly string[];
  /** Where a copy of the exchange is taken. */
  tap?: Tap | undefined;
  /** Aborted by the corridor at the route's timeout, or when the client has gone. */
  signal?: AbortSignal;
  /** Told when the answer begins, and whether it is a stream without an end of its own. */
  answerBegan?: (manner: 'plain' | 'stream') => void;
  /** Told of the work itself, which may go on when nobody waits for its answer any more. */
  keepUntil?: (end: Promise<unknown>) => void;
  /** Set where every effect is to be undone: the rehearsal's own scope, and ports that record. */
  rehearsal?: Readonly<{ scope: TenantStore; effects: Effects }>;
}>;

type Parts = Readonly<{
  request: HandleRequest;
  name: string;
  scope: TenantStore;
  effects: Effects;
  req: IncomingMessage;
  res: ServerResponse;
}>;

/** One request as a view sees it. Knows whether it may have written, and lets nobody write an answer after its end. */
export class Exchange {
  readonly name: string;
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly effects: Effects;
  readonly body: IncomingMessage;
  readonly reply: Reply;
  readonly #arrival: Arrival;
  readonly #scope: TenantStore;
  readonly #ending = new AbortController();
  #mayHaveWritten = false;

  constructor({ request, name, scope, effects, req, res }: Parts) {
    this.name = name;
    this.caller = request.caller;
    this.params = request.decision.params;
    this.effects = effects;
    this.body = req;
    this.#arrival = request.arrival;
    this.#scope = scope;
    this.reply = new Reply(res, this.#ending.signal, request);
    const outer = request.signal;
    if (outer?.aborted) this.end(outer.reason);
    else outer?.addEventListener('abort', () => this.end(outer.reason), { once: true });
    if (res.destroyed) this.end(new Error('The client has gone.'));
    // After a whole answer 'close' means nothing.
    res.once('close', () => res.writableFinished || this.end(new Error('The client has gone.')));
  }

  get tenant() {
    return this.#scope.tenant;
  }

  get method(): string {
    return this.#arrival.method;
  }

  /** Aborts when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** False as long as nothing can have been committed. */
  get mayHaveWritten(): boolean {
    return this.#mayHaveWritten;
  }

  /** Scheme, host and path, as `build_absolute_uri` gives them. */
  get base(): string {
    return `${this.#arrival.proto ?? 'http'}://${this.#arrival.host}${this.#arrival.target.split('?', 1)[0]}`;
  }

  get query(): string {
    const at = this.#arrival.target.indexOf('?');
    return at < 0 ? '' : this.#arrival.target.slice(at + 1);
  }

  /** A header's value, of those that the door let in; `name` in lower case. Repeated ones are joined as Django's WSGI server does. */
  readonly header = (name: string): string | undefined => {
    const { headers } = this.#arrival;
    const values: string[] = [];
    for (let i = 0; i + 1 < headers.length; i += 2)
      if (headers[i]?.toLowerCase() === name) values.push(headers[i + 1] ?? '');
    return values.length === 0 ? undefined : values.join(name === 'cookie' ? '; ' : ',');
  };

  /** One transaction that changes nothing. */
  read<T>(work: Work<T>): Promise<T> {
    return this.#within(work, () => undefined);
  }

  /** One transaction. It is undone if by its end nobody waits for the answer any more. */
  write<T>(work: Work<T>): Promise<T> {
    return this.#within(work, () => {
      this.#mayHaveWritten = true;
    });
  }

  /** A transaction that tidies up after a request whose caller may have gone. */
  tidyUp<T>(work: Work<T>): Promise<T> {
    return this.#scope.within(work);
  }

  end(reason: unknown): void {
    this.#ending.abort(reason);
  }

  #within<T>(work: Work<T>, beforeCommit: () => void): Promise<T> {
    this.signal.throwIfAborted();
    return this.#scope.within(async (tx) => {
      const result = await work(tx);
      this.signal.throwIfAborted();
      beforeCommit();
      return result;
    });
  }
}
