import type {
  Arrival,
  Asked,
  Caller,
  Decision,
  Emit,
  Failure,
  Outcome,
  Replays,
  RouteId,
  SideAnswer,
  Tap,
} from '../../vocabulary/index.ts';
import { nowMs } from '../clock.ts';
import type { StartRehearsals } from '../copy.ts';
import { ByteBudget, Capture } from './capture.ts';
import { watchLag } from './lag.ts';
import { Rehearsals } from './rehearsals.ts';
import { type Chosen, Sampler } from './sampler.ts';
import { WriteLog } from './write-log.ts';

export type MirrorWish = Readonly<{
  emit: Emit;
  start: StartRehearsals;
  /** Asks legacy once more, behind the user's back; safe methods only. */
  askLegacy(asked: Asked): Promise<SideAnswer | Failure>;
  limits: Readonly<{
    /** A longer body is not kept. */
    bodyBytes: number;
    /** Held by all copies together. */
    memoryBytes: number;
    /** Copies that wait for a rehearsal. */
    queue: number;
    /** Rehearsals at once. */
    atOnce: number;
    /** Processors that rehearsals may use, on average; 0.1 is a tenth of one. */
    cores: number;
    /** Event-loop lag above which no copies are taken. */
    lagMs: number;
    /** A rehearsal process that is silent for so long is replaced. */
    silenceMs: number;
  }>;
}>;

/** What the corridor holds of one exchange that mirror looks at. */
export type Watched = Readonly<{
  /** Undefined where only the time of the exchange matters. */
  tap: Tap | undefined;
  /** Another side answers after all: nothing is compared. */
  giveUp(): void;
  /** The answer has left. Never throws. */
  ended(outcome: Outcome): void;
}>;

export type Mirror = Readonly<{
  /** Undefined for an exchange that mirror has nothing to do with. Never throws, never waits. */
  watch(learned: Readonly<{ arrival: Arrival; caller: Caller; decision: Decision }>): Watched | undefined;
  /** Starts the rehearsal process before the first copy needs it. */
  wake(): void;
  replays: Replays;
  close(): Promise<void>;
}>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Writes are noted for so long after the last copy: whose rows are whose is asked only where something is compared. */
const ATTENTION_MS = 60_000;
const LINGER_MS = 30_000;

export function openMirror(wish: MirrorWish): Mirror {
  const watch = new Watch(wish);
  return Object.freeze({
    watch: (learned) => guard(wish.emit, () => watch.watch(learned)),
    wake: () => watch.wake(),
    replays: watch.replays,
    close: () => watch.close(),
  } satisfies Mirror);
}

/** A bug of ours costs a copy, never an answer. */
function guard<T>(emit: Emit, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    emit({ type: 'bug', where: 'mirror', error: error instanceof Error ? (error.stack ?? '') : '' });
    return undefined;
  }
}

class Watch {
  readonly #wish: MirrorWish;
  readonly #budget: ByteBudget;
  readonly #sampler = new Sampler({ now: nowMs, random: Math.random });
  readonly #writes = new WriteLog();
  readonly #lag: ReturnType<typeof watchLag>;
  readonly #rehearsals: Rehearsals;
  #attentiveUntilMs = 0;
  #copies = 0;

  constructor(wish: MirrorWish) {
    const { emit, start, askLegacy, limits } = wish;
    this.#wish = wish;
    this.#budget = new ByteBudget(limits.memoryBytes);
    this.#lag = watchLag(limits.lagMs, (state, lagMs) =>
      emit({ type: 'rehearsals_changed', state, detail: `The event loop is late by ${lagMs} ms.` }),
    );
    this.#rehearsals = new Rehearsals({
      start,
      emit,
      askLegacy,
      wasAlone: (tenant, fromMs, toMs) => this.#writes.wasAlone(tenant, fromMs, toMs),
      queue: limits.queue,
      atOnce: limits.atOnce,
      cores: limits.cores,
      silenceMs: limits.silenceMs,
      release: (bytes) => this.#budget.giveBack(bytes),
    });
  }

  get replays(): Replays {
    return {
      replay: (samples) => this.#rehearsals.replay(samples),
      reveal: (sample) => this.#rehearsals.reveal(sample),
    };
  }

  wake(): void {
    this.#rehearsals.wake();
  }

  watch(learned: Parameters<Mirror['watch']>[0]): Watched | undefined {
    const { decision, arrival } = learned;
    const { route, mirror } = decision;
    const isWrite = !SAFE.has(arrival.method);
    const hasTenant = learned.caller.tenant !== undefined;
    if (route !== undefined && mirror !== undefined && hasTenant && !arrival.upgrade) {
      this.#attentiveUntilMs = nowMs() + ATTENTION_MS;
      const chosen = this.#choose(route, mirror.percent);
      if (chosen) return this.#take(learned, route, chosen, isWrite ? this.#noteWrite(learned) : undefined);
    }
    if (!isWrite || nowMs() > this.#attentiveUntilMs) return undefined;
    const noted = this.#noteWrite(learned);
    return noted && { tap: undefined, giveUp: () => undefined, ended: (outcome) => noted(endOf(outcome)) };
  }

  async close(): Promise<void> {
    this.#lag.close();
    await this.#rehearsals.close();
  }

  #choose(route: RouteId, percent: number): Chosen {
    const chosen = this.#sampler.choose(route, percent);
    if (chosen === undefined) return undefined;
    const foreseen = this.#lag.isLagging() ? 'busy' : this.#rehearsals.foresee();
    if (foreseen === 'turn') return chosen;
    this.#wish.emit({ type: 'mirror_dropped', routeId: route, reason: foreseen });
    return undefined;
  }

  #noteWrite({ caller, decision }: Parameters<Mirror['watch']>[0]): ((endedMs: number) => void) | undefined {
    if (caller.tenant === undefined || decision.side !== 'legacy') return undefined;
    return this.#writes.began(caller.tenant, nowMs());
  }

  #take(
    { arrival, caller, decision }: Parameters<Mirror['watch']>[0],
    route: RouteId,
    chosen: Exclude<Chosen, undefined>,
    noted: ((endedMs: number) => void) | undefined,
  ): Watched {
    const { emit, limits } = this.#wish;
    const capture = new Capture(arrival.method, limits.bodyBytes, this.#budget);
    const askedMs = nowMs();
    let isGivenUp = false;
    const ended = (outcome: Outcome) => {
      const answeredMs = nowMs();
      noted?.(endOf(outcome));
      if (isGivenUp || (outcome.kind !== 'answered' && outcome.kind !== 'cut')) return capture.release();
      const { asked, answer } = capture.read();
      if (chosen !== 'maybe') this.#sampler.noteStatus(route, capture.status);
      else if (!this.#isRare(route, capture, answer)) return capture.release();
      const { bytes } = capture;
      const reason = capture.isFull
        ? 'bytes_full'
        : this.#rehearsals.offer({
            route,
            bytes,
            copy: {
              number: this.#number(),
              // What the caller proved was proved already. Cookies and what else legacy reads of the head go along: handlers read it, too.
              asked: {
                arrival: { ...arrival, form: undefined, credentials: [] },
                caller,
                decision,
                body: asked,
              },
              answer: {
                status: capture.status,
                headers: capture.headers,
                body: outcome.kind === 'cut' ? { kind: 'broken' } : answer,
                askedMs,
                answeredMs,
              },
              primary: decision.side,
            },
          });
      if (reason === undefined) return;
      capture.release();
      emit({ type: 'mirror_dropped', routeId: route, reason });
    };
    return {
      tap: capture,
      giveUp: () => {
        isGivenUp = true;
      },
      ended: (outcome) => void guard(emit, () => ended(outcome)),
    };
  }

  #isRare(route: RouteId, capture: Capture, answer: ReturnType<Capture['read']>['answer']): boolean {
    const body = answer.kind === 'whole' ? answer.bytes : new Uint8Array();
    return this.#sampler.isRare(route, capture.status, findType(capture.headers), body);
  }

  #number(): number {
    this.#copies += 1;
    return this.#copies;
  }
}

/** Legacy may go on with a write that nobody waits for any more. */
function endOf(outcome: Outcome): number {
  return nowMs() + (outcome.kind === 'answered' ? 0 : LINGER_MS);
}

function findType(headers: readonly string[]): string {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.toLowerCase() === 'content-type') return headers[i + 1] ?? '';
  return '';
}
