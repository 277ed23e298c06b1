import { randomUUID } from 'node:crypto';
import type { Position } from '../vocabulary/index.ts';

type Waiter = Readonly<{ resolve: (position: Position) => void; reject: (reason: unknown) => void }>;
type Mark = { readonly token: string; readonly waiters: Set<Waiter> };

/** Where a mark that never came back is sent again. */
const LOST_MS = 5_000;

/**
 * Marks in legacy's log: one is on its way at a time, and whoever comes meanwhile waits for the next, since the one on its way may have
 * been written before they asked.
 */
export class Marks {
  readonly #write: (token: string) => Promise<void>;
  #away: Mark | undefined;
  #next: Mark | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (token: string) => Promise<void>) {
    this.#write = write;
  }

  ask(signal: AbortSignal): Promise<Position> {
    if (signal.aborted) return Promise.reject(signal.reason);
    this.#next ??= { token: randomUUID(), waiters: new Set() };
    const { waiters } = this.#next;
    return new Promise<Position>((resolve, reject) => {
      const leave = () => end(() => reject(signal.reason));
      const end = (settle: () => void) => {
        waiters.delete(waiter);
        signal.removeEventListener('abort', leave);
        settle();
      };
      const waiter: Waiter = {
        resolve: (position) => end(() => resolve(position)),
        reject: (reason) => end(() => reject(reason)),
      };
      waiters.add(waiter);
      signal.addEventListener('abort', leave, { once: true });
      this.#sendNext();
    });
  }

  /** Everything up to this mark is in the store. */
  arrived(token: string, position: Position): void {
    if (this.#away?.token !== token) return;
    const { waiters } = this.#away;
    this.#settle();
    for (const { resolve } of [...waiters]) resolve(position);
    this.#sendNext();
  }

  /** The stream begins anew: what was on its way may have gone by. */
  again(): void {
    if (this.#away) this.#send(this.#away);
    else this.#sendNext();
  }

  close(reason: Error): void {
    const waiting = [...(this.#away?.waiters ?? []), ...(this.#next?.waiters ?? [])];
    this.#settle();
    this.#next = undefined;
    for (const { reject } of waiting) reject(reason);
  }

  #sendNext(): void {
    if (this.#away || !this.#next) return;
    this.#away = this.#next;
    this.#next = undefined;
    if (this.#away.waiters.size > 0) this.#send(this.#away);
    else this.#away = undefined;
  }

  #send(mark: Mark): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.again(), LOST_MS).unref();
    this.#write(mark.token).catch((error: unknown) => {
      if (this.#away !== mark) return;
      this.#settle();
      for (const { reject } of [...mark.waiters]) reject(error);
      this.#sendNext();
    });
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#away = undefined;
  }
}
