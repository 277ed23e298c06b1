import {
  type Asked,
  type BanyanEvent,
  type DropReason,
  type Emit,
  type Failure,
  fail,
  type KeptSample,
  type LedgerEntry,
  type Replayed,
  type Revealed,
  type RouteId,
  type SideAnswer,
  type TenantName,
} from '../../vocabulary/index.ts';
import { nowMs } from '../clock.ts';
import type { Copy, FromRehearsals, RehearsalLink, StartRehearsals } from '../copy.ts';
import { ProcessorBudget } from './processor-budget.ts';

export type RehearsalsWish = Readonly<{
  start: StartRehearsals;
  emit: Emit;
  askLegacy(asked: Asked): Promise<SideAnswer | Failure>;
  wasAlone(tenant: TenantName, fromMs: number, toMs: number): boolean;
  /** Most copies that wait. */
  queue: number;
  /** Most copies that are being judged. */
  atOnce: number;
  /** Processors that they may use, on average. */
  cores: number;
  /** A process that says nothing for so long is replaced. */
  silenceMs: number;
  /** Called when a copy needs its memory no longer. */
  release(bytes: number): void;
}>;

/** A copy on its way, and what it weighs. */
export type Waiting = Readonly<{ copy: Copy; route: RouteId; bytes: number }>;

type Judging = Waiting & {
  readonly sinceMs: number;
  /** Called with the processor time that it took, in ms. */
  readonly pay: (usedMs: number, nowMs: number) => void;
  isTold: boolean;
};

/** `off`: nobody has needed it yet. `resting`: it has died, and comes back after a pause that grows with each death. */
type State =
  | Readonly<{ kind: 'off' }>
  | Readonly<{ kind: 'up'; link: RehearsalLink; isReady: boolean }>
  | Readonly<{ kind: 'resting'; timer: NodeJS.Timeout }>
  | Readonly<{ kind: 'closed' }>;

const FIRST_REST_MS = 500;
const LONGEST_REST_MS = 30_000;
/** Up for so long: its next death is a first one again. */
const STEADY_MS = 60_000;
const CLOSE_MS = 3_000;
const STARTING_MS = 30_000;
/** A handler that was given up may go on for ever, with its memory and its processor: a process with so many of them is replaced. */
const MOST_GIVEN_UP = 20;
/** Of the processor, for as long as a process may be silent, with handlers that were given up. */
const BURNING_CORES = 0.6;
/** No comparison takes so long, whatever it waits for: what waits in it has been forgotten. */
const FORGOTTEN_MS = 300_000;
/** A copy that would wait for processor time longer than this is not taken: what waits grows old, and costs more to compare. */
const LONGEST_WAIT_MS = 2_000;

/** The process in which new handlers rehearse, seen from the gateway: started when needed, watched, replaced when it dies. */
export class Rehearsals {
  readonly #wish: RehearsalsWish;
  readonly #budget: ProcessorBudget;
  readonly #waiting: Waiting[] = [];
  readonly #judging = new Map<number, Judging>();
  readonly #questions = new Map<
    number,
    Readonly<{ resolve(value: never): void; reject(error: Error): void }>
  >();
  #state: State = { kind: 'off' };
  #lastQuestion = 0;
  #heardMs = 0;
  #startedMs = 0;
  #deaths = 0;
  #givenUp = 0;
  #burningSinceMs: number | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #resting: NodeJS.Timeout | undefined;
  #closed: (() => void) | undefined;
  #unrecorded: LedgerEntry[] = [];

  constructor(wish: RehearsalsWish) {
    this.#wish = wish;
    this.#budget = new ProcessorBudget(wish.cores);
  }

  /** Starts the process before anyone needs it. */
  wake(): void {
    if (this.#state.kind === 'off') this.#start();
  }

  /** Whether a copy made now would have its turn soon. */
  foresee(): 'turn' | 'budget' {
    const waitMs = this.#budget.foreseeMs(this.#waiting.length, nowMs());
    return waitMs > LONGEST_WAIT_MS ? 'budget' : 'turn';
  }

  /** Takes a copy, or says why not. */
  offer(waiting: Waiting): DropReason | undefined {
    this.wake();
    if (this.#state.kind === 'closed') return 'stopping';
    if (this.#state.kind === 'resting') return 'rehearsals_down';
    if (this.#waiting.length >= this.#wish.queue) return 'queue_full';
    this.#waiting.push(waiting);
    this.#pump();
    return undefined;
  }

  replay(samples: readonly KeptSample[]): Promise<readonly Replayed[]> {
    return this.#ask((question) => ({ kind: 'replay', question, samples }));
  }

  reveal(sample: KeptSample): Promise<readonly Revealed[] | undefined> {
    return this.#ask((question) => ({ kind: 'reveal', question, sample }));
  }

  async close(): Promise<void> {
    const { emit } = this.#wish;
    const before = this.#state;
    this.#state = { kind: 'closed' };
    clearInterval(this.#watchdog);
    clearTimeout(this.#resting);
    for (const { route } of this.#waiting)
      emit({ type: 'mirror_dropped', routeId: route, reason: 'stopping' });
    this.#waiting.length = 0;
    if (before.kind === 'resting') clearTimeout(before.timer);
    if (before.kind === 'up') await this.#sayGoodbye(before.link);
    this.#rejectAll('The gateway is stopping.');
  }

  #start(): void {
    this.#startedMs = nowMs();
    this.#heardMs = this.#startedMs;
    this.#givenUp = 0;
    this.#burningSinceMs = undefined;
    const link = this.#wish.start(
      (message) => this.#hear(link, message),
      (detail) => this.#die(link, detail),
    );
    this.#state = { kind: 'up', link, isReady: false };
    clearInterval(this.#watchdog);
    this.#watchdog = setInterval(() => this.#look(link), 250).unref();
  }

  #pump(): void {
    const state = this.#state;
    if (state.kind !== 'up' || !state.isReady) return;
    while (this.#judging.size < this.#wish.atOnce) {
      const now = nowMs();
      if (this.#waiting.length > 0 && this.#rest(now) === 'resting') return;
      const next = this.#waiting.shift();
      if (!next) return;
      const pay = this.#budget.begin(now);
      this.#judging.set(next.copy.number, { ...next, sinceMs: now, pay, isTold: false });
      state.link.send({ kind: 'copy', copy: next.copy });
    }
  }

  /** The next copy waits for its processor time, where there is none yet. */
  #rest(now: number): 'resting' | 'free' {
    const restMs = this.#budget.restMs(now);
    if (restMs < 1) return 'free';
    this.#resting ??= setTimeout(() => {
      this.#resting = undefined;
      this.#pump();
    }, restMs).unref();
    return 'resting';
  }

  #hear(link: RehearsalLink, message: FromRehearsals): void {
    this.#heardMs = nowMs();
    switch (message.kind) {
      case 'ready':
        return this.#beReady(link);
      case 'alive':
        return this.#noteBurning(link, message.cores);
      case 'judged':
        return this.#forget(message.number, message.usedMs);
      case 'event':
        this.#wish.emit(message.event);
        return this.#noteVerdict(link, message.event);
      case 'ask_legacy':
        void this.#askLegacy(link, message.question, message.asked);
        return undefined;
      case 'ask_alone': {
        const { question, tenant, fromMs, toMs } = message;
        const alone = this.#wish.wasAlone(tenant, fromMs, toMs) ? 'alone' : 'in_company';
        return link.send({ kind: 'alone_answered', question, alone });
      }
      case 'replayed':
        return this.#settle(message.question, message.results);
      case 'revealed':
        return this.#settle(message.question, message.values);
      case 'closed':
        return this.#closed?.();
    }
  }

  /** A request that was kept for days may be of another shape than today's: it is refused, and harms nobody. */
  async #askLegacy(link: RehearsalLink, question: number, asked: Asked): Promise<void> {
    const answer = await (async () => this.#wish.askLegacy(asked))().catch(() => fail('internal_error'));
    if (this.#isLinked(link)) link.send({ kind: 'legacy_answered', question, answer });
  }

  #isLinked(link: RehearsalLink): boolean {
    return this.#state.kind === 'up' && this.#state.link === link;
  }

  #beReady(link: RehearsalLink): void {
    if (!this.#isLinked(link)) return;
    this.#state = { kind: 'up', link, isReady: true };
    this.#wish.emit({ type: 'rehearsals_changed', state: 'ready', detail: 'New handlers can rehearse.' });
    if (this.#unrecorded.length > 0) link.send({ kind: 'record', entries: this.#unrecorded.splice(0) });
    this.#pump();
  }

  #forget(number: number, usedMs: number): void {
    const judged = this.#judging.get(number);
    if (!judged) return;
    this.#judging.delete(number);
    judged.pay(usedMs, nowMs());
    this.#wish.release(judged.bytes);
    this.#pump();
  }

  #look(link: RehearsalLink): void {
    const state = this.#state;
    if (state.kind !== 'up' || state.link !== link) return;
    // It loads a lot before it can say anything.
    const patienceMs = state.isReady ? this.#wish.silenceMs : Math.max(STARTING_MS, this.#wish.silenceMs);
    const now = nowMs();
    if (now - this.#heardMs >= patienceMs) return this.#end(link, `It said nothing for ${patienceMs} ms.`);
    const [oldest] = this.#judging.values();
    if (oldest && now - oldest.sinceMs > FORGOTTEN_MS)
      this.#end(link, `It has compared one copy for ${FORGOTTEN_MS} ms.`);
  }

  #noteVerdict(link: RehearsalLink, event: BanyanEvent): void {
    if (event.type !== 'mirror_verdict') return;
    for (const judging of this.#judging.values())
      if (judging.copy.asked.arrival.requestId === event.requestId) judging.isTold = true;
    if (event.reason !== 'new_too_slow') return;
    this.#givenUp += 1;
    if (this.#givenUp === MOST_GIVEN_UP)
      this.#end(link, `${MOST_GIVEN_UP} of its handlers did not answer in time.`);
  }

  /** A handler that was given up and burns a core goes on for ever, whether or not anything is mirrored. Honest work is never so steady. */
  #noteBurning(link: RehearsalLink, cores: number): void {
    if (!this.#isLinked(link)) return;
    if (this.#givenUp === 0 || cores < BURNING_CORES) this.#burningSinceMs = undefined;
    else this.#burningSinceMs ??= nowMs();
    if (this.#burningSinceMs !== undefined && nowMs() - this.#burningSinceMs >= this.#wish.silenceMs)
      this.#end(link, 'Handlers that were given up go on burning its processor.');
  }

  #end(link: RehearsalLink, detail: string): void {
    this.#die(link, detail);
    link.kill();
  }

  #die(link: RehearsalLink, detail: string): void {
    if (this.#state.kind === 'closed') return this.#closed?.();
    if (!this.#isLinked(link)) return;
    clearInterval(this.#watchdog);
    const now = nowMs();
    this.#deaths = now - this.#startedMs > STEADY_MS ? 1 : this.#deaths + 1;
    const restMs = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (this.#deaths - 1));
    this.#state = { kind: 'resting', timer: setTimeout(() => this.#start(), restMs).unref() };
    const { emit } = this.#wish;
    emit({
      type: 'rehearsals_changed',
      state: 'down',
      detail: `${detail} It is started again in ${restMs} ms; users notice nothing.`,
    });
    for (const lost of this.#judging.values()) this.#lose(lost, now);
    for (const { route, bytes } of this.#waiting.splice(0)) {
      this.#wish.release(bytes);
      emit({ type: 'mirror_dropped', routeId: route, reason: 'rehearsals_down' });
    }
    this.#judging.clear();
    this.#rejectAll('The rehearsal process has just died; it is being started again.');
  }

  /** What was being judged may be what killed it: it is not tried again. */
  #lose({ copy, route, bytes, isTold }: Judging, atMs: number): void {
    this.#wish.release(bytes);
    if (isTold) return;
    this.#wish.emit({
      type: 'mirror_verdict',
      routeId: route,
      requestId: copy.asked.arrival.requestId,
      verdict: 'not_compared',
      reason: 'shadow_failed',
      paths: [],
    });
    if (this.#unrecorded.length < 1_000)
      this.#unrecorded.push({ atMs, route, verdict: 'not_compared', reason: 'shadow_failed' });
  }

  #ask<T>(word: (question: number) => Parameters<RehearsalLink['send']>[0]): Promise<T> {
    this.wake();
    const state = this.#state;
    if (state.kind !== 'up')
      return Promise.reject(new Error('The rehearsal process is being started again. Try again shortly.'));
    this.#lastQuestion += 1;
    const question = this.#lastQuestion;
    return new Promise<T>((resolve, reject) => {
      this.#questions.set(question, { resolve, reject });
      state.link.send(word(question));
    });
  }

  #settle(question: number, value: unknown): void {
    const asked = this.#questions.get(question);
    this.#questions.delete(question);
    if (typeof value === 'string') asked?.reject(new Error(value));
    else asked?.resolve(value as never);
  }

  #rejectAll(sentence: string): void {
    for (const { reject } of this.#questions.values()) reject(new Error(sentence));
    this.#questions.clear();
  }

  async #sayGoodbye(link: RehearsalLink): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = resolve;
    link.send({ kind: 'close' });
    const timer = setTimeout(resolve, CLOSE_MS);
    await promise;
    clearTimeout(timer);
    link.kill();
  }
}
