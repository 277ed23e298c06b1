import { performance } from 'node:perf_hooks';
import { Line, type LineOwner, type Question } from './line.ts';
import type { OpenLine } from './line-opener.ts';

type LinesWish = Readonly<{
  open: OpenLine;
  /** Most connections at once; further questions wait, and the first of them is asked first. */
  most: number;
  /** How long one may be idle, in ms. */
  idleMs: number;
}>;

/** How often idle lines are looked over. One timer for all: one each costs 0.6 µs a request. */
const LOOK_MS = 100;

/** All lines to legacy. */
export class Lines implements LineOwner {
  readonly #wish: LinesWish;
  readonly #open = new Set<Line>();
  /** The last one to be freed is the first to be used: those that are not needed grow old. */
  readonly #idle: Line[] = [];
  /** They have a connection of their own coming. */
  readonly #opening = new Set<Question>();
  readonly #waiting = new Set<Question>();
  /** Lines with a question that leaves at the end of this turn of the loop. */
  #leaving: Line[] = [];
  #connecting = 0;
  #look: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(wish: LinesWish) {
    this.#wish = wish;
  }

  ask(question: Question): void {
    if (this.#isClosed) return question.failed(new Error('closed'));
    const line = this.#findIdle(question.servername);
    if (line !== undefined) return this.#give(line, question);
    if (this.#open.size + this.#connecting < this.#wish.most) return this.#openFor(question);
    this.#waiting.add(question);
    // It is of no use to this one.
    this.#idle[0]?.drop();
  }

  /** Nobody waits for it any more, and it has not been asked. */
  forget(question: Question): void {
    this.#opening.delete(question);
    this.#waiting.delete(question);
  }

  again(question: Question): void {
    this.ask(question);
  }

  freed(line: Line): void {
    const [next] = this.#waiting;
    if (next === undefined) return this.#rest(line);
    if (next.servername !== line.servername) return line.drop();
    this.#waiting.delete(next);
    this.#give(line, next);
  }

  closed(line: Line): void {
    this.#open.delete(line);
    const at = this.#idle.indexOf(line);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#openForNext();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#look);
    const unasked = [...this.#opening, ...this.#waiting];
    this.#opening.clear();
    this.#waiting.clear();
    for (const question of unasked) question.failed(new Error('closed'));
    for (const line of this.#open) line.drop();
  }

  #findIdle(servername: string | undefined): Line | undefined {
    const nowMs = performance.now();
    for (let at = this.#idle.length - 1; at >= 0; at -= 1) {
      const line = this.#idle[at] as Line;
      if (line.servername !== servername) continue;
      if (nowMs - line.freedMs >= this.#keepsMs(line)) {
        line.drop();
        continue;
      }
      if (at === this.#idle.length - 1) this.#idle.pop();
      else this.#idle.splice(at, 1);
      return line;
    }
    return undefined;
  }

  // Bytes or an end that came while the line was idle may still be unread. They are read before the loop's turn is over, so that an answer
  // which nobody has asked for is not given to whoever asks next.
  #give(line: Line, question: Question): void {
    line.take(question);
    if (this.#leaving.length === 0) setImmediate(this.#sendAll);
    this.#leaving.push(line);
  }

  readonly #sendAll = () => {
    const leaving = this.#leaving;
    this.#leaving = [];
    for (const line of leaving) line.send();
  };

  #openFor(question: Question): void {
    this.#opening.add(question);
    this.#connecting += 1;
    this.#wish.open(question.servername, (error, opened) => {
      this.#connecting -= 1;
      const isWanted = this.#opening.delete(question);
      if (opened === undefined) {
        if (isWanted) question.failed(error);
        return this.#openForNext();
      }
      const line = new Line(opened.socket, question.servername, this);
      opened.onRead((bytes) => line.read(bytes));
      this.#open.add(line);
      if (this.#isClosed) return line.drop();
      return isWanted ? this.#give(line, question) : this.freed(line);
    });
  }

  /** There is room for one more. */
  #openForNext(): void {
    const [next] = this.#waiting;
    if (next === undefined || this.#isClosed) return;
    this.#waiting.delete(next);
    this.#openFor(next);
  }

  #rest(line: Line): void {
    line.freedMs = performance.now();
    this.#idle.push(line);
    this.#look ??= setInterval(this.#letOldGo, LOOK_MS);
  }

  readonly #letOldGo = () => {
    const nowMs = performance.now();
    for (const line of [...this.#idle]) if (nowMs - line.freedMs >= this.#keepsMs(line)) line.drop();
    if (this.#idle.length > 0) return;
    clearInterval(this.#look);
    this.#look = undefined;
  };

  #keepsMs(line: Line): number {
    return Math.min(this.#wish.idleMs, line.staysMs);
  }
}
