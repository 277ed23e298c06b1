import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { BanyanEvent } from '../../src/vocabulary/index.ts';

/** What happened in a gateway since it was last asked. */
export type Seen = Readonly<{
  drops: Readonly<Record<string, number>>;
  /** By verdict, or by the reason why there was none. */
  verdicts: Readonly<Record<string, number>>;
  deaths: readonly string[];
  isRehearsing: boolean;
  isFollowing: boolean;
  swaps: number;
  /** Copies taken that have neither a verdict nor were dropped. */
  pending: number;
  /** Requests that ended in another way than with an answer. */
  unanswered: number;
  bugs: readonly string[];
  rssMb: number;
  lagP99Ms: number;
}>;

type Event<Type> = Extract<BanyanEvent, { type: Type }>;

const MIB = 1024 * 1024;
const RESOLUTION_MS = 5;
const LOOK_MS = 100;

/** Listens to a gateway's events and feels its pulse. */
export class Watcher {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #bugs: string[] = [];
  #state = { isRehearsing: false, isFollowing: false, swaps: 0, pending: 0 };
  #counts = begin();

  constructor() {
    this.#delay.enable();
    setInterval(() => {
      this.#counts.rss = Math.max(this.#counts.rss, process.memoryUsage.rss());
    }, LOOK_MS).unref();
  }

  /** A gateway is opened anew. */
  forget(): void {
    this.#state = { isRehearsing: false, isFollowing: false, swaps: 0, pending: 0 };
  }

  read(line: string): void {
    if (line.includes('"event":"bug"')) this.#bugs.push(line);
    if (line.includes('"event":"request_finished"')) this.#noteRequest(JSON.parse(line));
  }

  note(event: BanyanEvent): void {
    switch (event.type) {
      case 'mirror_dropped':
        this.#state.pending -= 1;
        return count(this.#counts.drops, event.reason);
      case 'mirror_verdict':
        this.#state.pending -= 1;
        return count(this.#counts.verdicts, event.reason ?? event.verdict);
      case 'table_swapped':
        this.#state.swaps += 1;
        return;
      case 'follow_changed':
        this.#state.isFollowing = event.state === 'following';
        return;
      case 'rehearsals_changed':
        return this.#noteRehearsals(event);
    }
  }

  look(): Seen {
    const { rss, ...counts } = this.#counts;
    // The histogram counts its own interval in.
    const lagP99Ms = Math.max(0, this.#delay.percentile(99) / 1e6 - RESOLUTION_MS);
    return { ...counts, ...this.#state, bugs: this.#bugs, rssMb: Math.round(rss / MIB), lagP99Ms };
  }

  /** The same, and begins anew. */
  take(): Seen {
    const seen = this.look();
    this.#counts = begin();
    this.#delay.reset();
    return seen;
  }

  #noteRehearsals({ state, detail }: Event<'rehearsals_changed'>): void {
    if (state === 'paused') return count(this.#counts.drops, 'pauses');
    if (state === 'resumed') return;
    this.#state.isRehearsing = state === 'ready';
    if (state === 'down') this.#counts.deaths.push(detail);
  }

  #noteRequest({ reason, outcome }: Pick<Event<'request_finished'>, 'reason' | 'outcome'>): void {
    if (reason === 'stage_shadow') this.#state.pending += 1;
    if (outcome !== 'answered') this.#counts.unanswered += 1;
  }
}

function begin() {
  return {
    drops: {} as Record<string, number>,
    verdicts: {} as Record<string, number>,
    deaths: [] as string[],
    unanswered: 0,
    rss: process.memoryUsage.rss(),
  };
}

function count(into: Record<string, number>, key: string): void {
  into[key] = (into[key] ?? 0) + 1;
}
