import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import {
  type Arrival,
  type Caller,
  type Decision,
  type Emit,
  type Failure,
  fail,
  type Outcome,
  type RequestId,
  type RouteId,
  type Side,
  type Stage,
  type Tap,
} from '../vocabulary/index.ts';
import { answerFailure, answerFailureRaw } from './own-words.ts';
import type { PlainAnswer } from './plain-answer.ts';
import type { PlainRequest } from './plain-request.ts';
import { BrokenOff, breakOff } from './unreadable.ts';

/** An ordinary request is answered through Node's response, a plain one on its own way, an upgrade on the bare socket. */
export type Way =
  | Readonly<{ kind: 'request'; req: IncomingMessage; res: ServerResponse }>
  | Readonly<{ kind: 'plain'; req: PlainRequest; res: PlainAnswer }>
  | Upgrade;
type Upgrade = Readonly<{ kind: 'upgrade'; req: IncomingMessage; socket: Socket; head: Buffer }>;

// Once, or the same on several lines, which Node joins.
const EXPECTS_CONTINUE = /^100-continue(, 100-continue)*$/i;

/** Whoever looks on. */
export type Watched = Readonly<{ tap: Tap | undefined; giveUp(): void; ended(outcome: Outcome): void }>;

/** What the rooms have found out about a request by the time a side is asked. */
export type Learned = Readonly<{ arrival: Arrival; caller: Caller; decision: Decision }>;

/** One request on its way through the corridor: what is known of it, how it is answered, and what is told of it at its end. */
export class Visit {
  #way: Way;
  /** Where a copy of this exchange is taken, to be compared once the answer has left. */
  watched: Watched | undefined;
  /** Held while a write is under way: until it has ended its rows keep their owner. */
  turn: Readonly<{ leave(): void }> | undefined;
  readonly #emit: Emit;
  readonly #beganMs = performance.now();
  #askedMs: number | undefined;
  #arrival: Arrival | undefined;
  #requestId: RequestId | undefined;
  #route: RouteId | undefined;
  #stage: Stage | undefined;
  #learned: Learned | undefined;
  #forgiven: Failure | undefined;
  #exposesSide = false;
  #hasRefused = false;

  constructor(emit: Emit, way: Way) {
    this.#emit = emit;
    this.#way = way;
    emit({ type: 'request_received' });
  }

  get way(): Way {
    return this.#way;
  }

  get req(): Way['req'] {
    return this.#way.req;
  }

  /** The way of this request in Node's own words, as the new side's handlers need it. Undefined: the client has gone. */
  async takeNodesWay(): Promise<Exclude<Way, { kind: 'plain' }> | undefined> {
    if (this.#way.kind !== 'plain') return this.#way;
    const exchange = await this.#way.res.becomeNodes();
    if (exchange === undefined) return undefined;
    const way = { kind: 'request', ...exchange } as const;
    this.#way = way;
    return way;
  }

  /** True once the client has gone: its 'close' has been told already, and will not be told again. */
  get isGone(): boolean {
    return this.way.kind === 'upgrade' ? this.way.socket.destroyed : this.way.res.destroyed;
  }

  noteArrival(arrival: Arrival): void {
    this.#arrival = arrival;
    this.#requestId = arrival.requestId;
  }

  /** The route that the table names, for requests that are refused before a decision, too. */
  noteRoute(route: RouteId | undefined, stage: Stage | undefined): void {
    this.#route = route;
    this.#stage = stage;
  }

  /** For a request that gets no further than the door. It is the last of its connection: where it ends may be in doubt. */
  noteRequestId(requestId: RequestId): void {
    this.#requestId = requestId;
    if (this.way.kind !== 'upgrade') this.way.res.shouldKeepAlive = false;
  }

  /** From here on a side is at work; the time until here is the gateway's own. */
  noteDecision(learned: Learned, table: Readonly<{ exposeSide: boolean }>): void {
    const { route, side, reason } = learned.decision;
    this.#learned = learned;
    this.#exposesSide = table.exposeSide;
    this.#askedMs = performance.now();
    this.#emit({ type: 'decision_made', routeId: route, side, reason });
  }

  /**
   * Lets the body come: refuses one that is declared too large, and tells a client that asked first to go on (RFC 9110 section
   * 10.1.1). After admit, so that nobody uploads for a 401.
   */
  openBody(maxBodyBytes: number): Failure | undefined {
    if (this.way.kind !== 'request') return undefined;
    if (Number(this.way.req.headers['content-length'] ?? 0) > maxBodyBytes) return fail('body_too_large');
    // HTTP/1.0 knows no interim answers (RFC 9110 section 10.1.1).
    if (this.req.httpVersionMinor >= 1 && EXPECTS_CONTINUE.test(this.way.req.headers.expect ?? ''))
      this.way.res.writeContinue();
    return undefined;
  }

  /** What the gateway adds to a side's answer, name and value in turn. */
  addedHeaders(side: Side): readonly string[] {
    const id = this.#requestId === undefined ? [] : ['X-Request-Id', this.#requestId];
    return this.#exposesSide ? [...id, 'X-Served-By', side] : id;
  }

  /** The `Set-Cookie` values of an answer that was written through Node's response. */
  cookies(): readonly string[] {
    const cookies = this.way.kind === 'request' ? this.way.res.getHeader('set-cookie') : undefined;
    return cookies === undefined ? [] : [cookies].flat().map(String);
  }

  /** How this request asks for a place on a side. */
  bidFor(side: Side, { arrival, caller, decision }: Learned) {
    const { feature, reason } = decision;
    const isInstead = side === 'legacy' && (this.#forgiven !== undefined || reason === 'breaker_open');
    const manner = this.way.kind === 'upgrade' ? 'stream' : isInstead ? 'instead' : 'plain';
    const asked = reason === 'forced' ? 'by_force' : 'by_table';
    return { side, feature, caller, peer: arrival.peer, manner, asked } as const;
  }

  /** Resolves when the client's connection has closed. */
  untilClosed(): Promise<void> {
    const { way } = this;
    return new Promise((resolve) => {
      if (this.isGone) resolve();
      else if (way.kind === 'upgrade') way.socket.once('close', () => resolve());
      else way.res.once('close', resolve);
    });
  }

  /** It was lost before it arrived, and is sent once more. */
  noteRetry(): true {
    const { decision, arrival } = this.#learned ?? {};
    if (arrival) this.#emit({ type: 'retry_made', routeId: decision?.route, requestId: arrival.requestId });
    return true;
  }

  setHeaders(lines: readonly string[]): void {
    if (this.way.kind !== 'request') return;
    for (let i = 0; i + 1 < lines.length; i += 2) this.way.res.setHeader(lines[i] ?? '', lines[i + 1] ?? '');
  }

  /** Legacy may answer instead where the new side failed before anything was read, written or sent. */
  mayFallBack(outcome: Outcome): outcome is Extract<Outcome, { kind: 'failed' }> {
    if (this.way.kind === 'upgrade' || outcome.kind !== 'failed' || outcome.failure.blame === 'caller')
      return false;
    const { res } = this.way;
    const isUntouched = !res.headersSent && !res.destroyed && !this.req.readableDidRead;
    return isUntouched && outcome.failure.retrySafe && this.#learned?.decision.ifNewFails === 'legacy';
  }

  noteFallback(failure: Failure): void {
    const { decision, arrival } = this.#learned ?? {};
    this.#forgiven = failure;
    if (this.way.kind !== 'upgrade')
      for (const name of this.way.res.getHeaderNames()) this.way.res.removeHeader(name);
    if (arrival && decision?.route) {
      this.#emit({
        type: 'fallback_taken',
        routeId: decision.route,
        requestId: arrival.requestId,
        failure: failure.code,
      });
    }
  }

  /** Answers in the gateway's own words, at once and only once. */
  readonly refuse = (failure: Failure): void => {
    if (this.#hasRefused) return;
    this.#hasRefused = true;
    const id = this.#requestId;
    const { way } = this;
    if (way.kind !== 'upgrade') answerFailure(way.req, way.res, failure, id);
    else answerFailureRaw(way.socket, failure, { requestId: id, accept: way.req.headers.accept });
  };

  /** What changes nothing need not ask whose rows these are; a WebSocket may change anything later on. */
  maySkipGate({ isSafe }: Readonly<{ isSafe: boolean }>): boolean {
    return isSafe && this.way.kind !== 'upgrade';
  }

  /** Ends it before its side has: in our own words where nothing was said yet, else by cutting it off. */
  readonly cutShort = (failure: Failure): void => {
    if (this.way.kind === 'upgrade') this.way.socket.destroy();
    else breakOff(this.way.res, failure);
  };

  /** Answers, if nobody has, and tells what happened. */
  end(ended: Outcome): void {
    const error = this.way.kind === 'upgrade' ? undefined : this.way.res.errored;
    const outcome: Outcome = error instanceof BrokenOff ? { kind: 'failed', failure: error.failure } : ended;
    if (outcome.kind === 'failed') this.refuse(outcome.failure);
    this.#tell(outcome);
  }

  /** For an answer that could not be written: one request is lost, and nothing else. */
  abandon(): void {
    if (this.way.kind === 'upgrade') this.way.socket.destroy();
    else this.way.res.destroy();
    this.#tell({ kind: 'abandoned' });
  }

  #tell(outcome: Outcome): void {
    this.turn?.leave();
    const { caller, decision } = this.#learned ?? {};
    const endedMs = performance.now();
    const { outcome: name, status, failure } = nameEnd(outcome);
    this.#emit({
      type: 'request_finished',
      requestId: this.#requestId,
      traceId: this.#arrival?.trace.traceId,
      method: this.req.method ?? '',
      routeId: this.#route,
      stage: decision?.stage ?? this.#stage,
      side: this.#forgiven === undefined ? decision?.side : 'legacy',
      reason: decision?.reason,
      revision: decision?.revision,
      tenant: caller?.tenant,
      user: caller?.kind === 'known' ? caller.user : undefined,
      by: caller?.kind === 'known' ? caller.by : undefined,
      outcome: name,
      status,
      failure,
      fellBack: this.#forgiven !== undefined,
      durationMs: endedMs - this.#beganMs,
      overheadMs: (this.#askedMs ?? endedMs) - this.#beganMs,
    });
  }
}

function nameEnd(outcome: Outcome) {
  switch (outcome.kind) {
    case 'answered':
      return { outcome: 'answered', status: outcome.status, failure: undefined } as const;
    case 'cut':
      return { outcome: 'cut', status: outcome.status, failure: outcome.failure.code } as const;
    case 'abandoned':
      return { outcome: 'abandoned', status: 0, failure: undefined } as const;
    case 'failed': {
      const { status, code, blame } = outcome.failure;
      return { outcome: blame === 'caller' ? 'refused' : 'failed', status, failure: code } as const;
    }
  }
}
