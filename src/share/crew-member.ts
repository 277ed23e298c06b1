import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { BanyanEvent } from '../vocabulary/index.ts';
import type { Taker } from './dealer.ts';
import { type Handover, openHandover } from './handover.ts';
import type { FromWorker, ToWorker } from './messages.ts';

export type MemberState = 'starting' | 'serving' | 'leaving' | 'gone';

type Listener = Readonly<{
  changed(state: MemberState, detail: string): void;
  heard(event: BanyanEvent): void;
  /** It died before it had these: somebody else may take them. */
  left(sockets: readonly Socket[]): void;
}>;

/** How long a worker may take to tell its figures: a scrape must not wait for one that stands still. */
const TELL_WITHIN_MS = 1_000;

/** One process of the crew, from its start to its end. */
export class CrewMember implements Taker {
  readonly #child: ChildProcess;
  readonly #listener: Listener;
  readonly #handover: Handover;
  readonly #answers = new Map<number, (figures: readonly object[]) => void>();
  readonly bornMs = performance.now();
  #state: MemberState = 'starting';
  #questions = 0;
  #cut = 0;
  #trouble: string | undefined;

  constructor(child: ChildProcess, open: Extract<ToWorker, { type: 'open' }>, listener: Listener) {
    this.#child = child;
    this.#listener = listener;
    this.#handover = openHandover(child);
    child.on('message', (message) => {
      const said = message as FromWorker;
      if (said.type === 'hello') this.#say(open);
      else this.#hear(said);
    });
    child.on('error', (error) => this.#become('gone', error.message));
    child.on('exit', (code, signal) => {
      this.#become('gone', this.#trouble ?? (signal === null ? `exit code ${code}` : `signal ${signal}`));
      afterLastWord(child, () => listener.left(this.#handover.takeBack()));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get state(): MemberState {
    return this.#state;
  }

  /** Requests that it had to cut off in the end. */
  get cut(): number {
    return this.#cut;
  }

  waiting(): number {
    return this.#handover.waiting();
  }

  give(socket: Socket): void {
    this.#handover.give(socket);
  }

  /** Its metrics; nothing where it does not answer in time. */
  tell(): Promise<readonly object[]> {
    if (this.#state !== 'serving' && this.#state !== 'leaving') return Promise.resolve([]);
    this.#questions += 1;
    const question = this.#questions;
    return new Promise((resolve) => {
      const end = (figures: readonly object[]) => {
        clearTimeout(timer);
        this.#answers.delete(question);
        resolve(figures);
      };
      const timer = setTimeout(end, TELL_WITHIN_MS, []);
      this.#answers.set(question, end);
      this.#say({ type: 'tell', question });
    });
  }

  /** Lets it end what is in flight; cut off after `withinMs`. Resolves when the process has gone. */
  async leave(signal: string, withinMs: number): Promise<void> {
    if (this.#state === 'gone') return;
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    if (this.#state === 'starting') this.#child.kill('SIGKILL');
    else this.#say({ type: 'drain', signal });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), withinMs);
    await gone;
    clearTimeout(timer);
  }

  #say(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #hear(said: Exclude<FromWorker, { type: 'hello' }>): void {
    switch (said.type) {
      case 'opened':
        return this.#become('serving', `process ${this.pid}`);
      case 'failed':
        this.#trouble = said.message;
        return;
      case 'taken':
        return this.#handover.taken(said.connection);
      case 'leaving':
        return this.#become('leaving', 'takes no more connections');
      case 'told':
        return this.#answers.get(said.question)?.(said.figures);
      case 'event':
        return this.#listener.heard(said.event);
      case 'drained':
        this.#cut = said.cut;
        return;
    }
  }

  #become(state: MemberState, detail: string): void {
    if (this.#state === 'gone') return;
    this.#state = state;
    this.#listener.changed(state, detail);
  }
}

/** What it said last may be heard after its end is known: its channel is gone once all of that has been read. */
function afterLastWord(child: ChildProcess, work: () => void): void {
  if (child.channel) setImmediate(afterLastWord, child, work);
  else work();
}
