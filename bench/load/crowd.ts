import { setTimeout as wait } from 'node:timers/promises';
import { Asker } from './asker.ts';
import { openMetronome } from './metronome.ts';
import type { RequestBytes } from './request-bytes.ts';
import { Tally } from './tally.ts';
import { Timetable } from './timetable.ts';
import type { Pace } from './words.ts';

export type Counted = Readonly<{ tally: Tally; seconds: number }>;

type Asking = Readonly<{ stop(): void; noteWaiting(tally: Tally): void }>;

/** All callers together, each on a connection of its own. */
export class OpenCrowd {
  readonly #askers: readonly Asker[];

  constructor(ports: readonly number[], requests: readonly (readonly RequestBytes[])[]) {
    this.#askers = requests.map((own, number) => new Asker(ports[number % ports.length] ?? 0, number, own));
  }

  async open(): Promise<void> {
    await Promise.all(this.#askers.map((asker) => asker.open()));
  }

  /** Asks for `warmMs`, then begins to count, calls `began`, and counts for `ms`. */
  async ask(pace: Pace, warmMs: number, ms: number, began: () => void): Promise<Counted> {
    const asking = pace.kind === 'closed' ? this.#askAtOnce() : this.#askInTime(pace.rate);
    await wait(warmMs);
    const tally = new Tally();
    for (const asker of this.#askers) asker.tally = tally;
    began();
    const beginMs = performance.now();
    await wait(ms);
    const seconds = (performance.now() - beginMs) / 1_000;
    for (const asker of this.#askers) asker.tally = new Tally();
    asking.noteWaiting(tally);
    asking.stop();
    return { tally, seconds };
  }

  close(): void {
    for (const asker of this.#askers) asker.close();
  }

  /** Closed loop: whoever has an answer asks again. */
  #askAtOnce(): Asking {
    for (const asker of this.#askers) {
      asker.isFree = () => asker.ask(performance.now());
      asker.ask(performance.now());
    }
    return { stop: () => this.#askNoMore(), noteWaiting: () => undefined };
  }

  /** Open loop: what is due is sent by whoever is free, at once or as soon as somebody is. */
  #askInTime(rate: number): Asking {
    const free = [...this.#askers];
    const table = new Timetable(rate, performance.now());
    const send = () => {
      for (let asker = free.at(-1); asker; asker = free.at(-1)) {
        const nowMs = performance.now();
        const dueMs = table.take(nowMs);
        if (dueMs === undefined) return;
        free.pop();
        asker.tally.latenessUs.note((nowMs - dueMs) * 1_000);
        asker.ask(dueMs);
      }
    };
    for (const asker of this.#askers)
      asker.isFree = () => {
        free.unshift(asker);
        send();
      };
    const metronome = openMetronome(1_000 / rate, send);
    return {
      stop: () => {
        metronome.stop();
        this.#askNoMore();
      },
      noteWaiting: (tally) => this.#noteWaiting(tally, table),
    };
  }

  /** Who has no answer yet when the time is over has waited at least so long: left out, the slowest would count for nothing. */
  #noteWaiting(tally: Tally, table: Timetable): void {
    const nowMs = performance.now();
    const waiting = this.#askers.flatMap(({ sentForMs }) => (sentForMs === undefined ? [] : [sentForMs]));
    for (let dueMs = table.take(nowMs); dueMs !== undefined; dueMs = table.take(nowMs)) waiting.push(dueMs);
    for (const dueMs of waiting) tally.latenciesUs.note((nowMs - dueMs) * 1_000);
  }

  #askNoMore(): void {
    for (const asker of this.#askers) asker.isFree = () => undefined;
  }
}
