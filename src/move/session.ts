import type { Mapping, Position } from '../vocabulary/index.ts';
import { Applier, type ApplierWish } from './applier.ts';
import type { Heard } from './heard.ts';
import { LegacyStream } from './legacy-stream.ts';
import type { LegacyMessage } from './pgoutput.ts';
import type { Retention } from './retention.ts';
import { asStoreTrouble, FollowTrouble } from './trouble.ts';

export type SessionWish = Omit<ApplierWish, 'onStored'> &
  Readonly<{
    legacyUrl: string;
    mapping: Mapping;
    heard: Heard;
    retention: Retention;
    nowMs: () => number;
    onStart: () => void;
    onStored: (position: Position) => void;
  }>;

const TICK_MS = 10_000;
/** Legacy answers each tick by a sign of life; after so long without one the connection is dead. */
const SILENCE_MS = 3 * TICK_MS;

/** One stream from its beginning to its end: what is heard, applied, stored and acknowledged. */
export class Session {
  readonly #wish: SessionWish;
  readonly #stream: LegacyStream;
  readonly #applier: Applier;
  #stored: Position;
  #received = 0;
  #taken = 0;
  #done = 0;
  /** Where legacy's log was read to its end, once `after` messages are taken. */
  #rest: Readonly<{ position: Position; after: number }> | undefined;
  #signMs = performance.now();
  /** Messages and ticks take turns at the store. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(wish: SessionWish) {
    this.#wish = wish;
    this.#stored = wish.position;
    this.#applier = new Applier({ ...wish, onStored: (position) => this.#haveStored(position) });
    this.#stream = new LegacyStream({
      legacyUrl: wish.legacyUrl,
      slot: wish.slot,
      mapping: wish.mapping,
      onHeard: (message) => this.#hear(message),
      onKeepalive: (position) => this.#keepAlive(position),
      take: (message) => this.#take(message),
    });
  }

  /** Which of legacy's transactions was being read at the end. */
  get position(): Position {
    return this.#applier.position;
  }

  /** Rejects with what broke the stream. */
  async run(): Promise<void> {
    const timer = setInterval(() => this.#tick(), TICK_MS);
    try {
      await this.#stream.read(this.#wish.position, () => {
        this.#stream.acknowledge(this.#stored, 'asking');
        this.#wish.onStart();
      });
    } finally {
      clearInterval(timer);
      await this.#inTurn(() => this.#applier.undo()).catch(() => undefined);
    }
  }

  stop(): Promise<void> {
    return this.#stream.stop();
  }

  #hear(message: LegacyMessage): void {
    this.#received += 1;
    this.#signMs = performance.now();
    if (message.kind === 'commit') this.#wish.heard.note(this.#wish.nowMs(), message.position);
  }

  #keepAlive(position: Position): void {
    this.#signMs = performance.now();
    this.#wish.heard.note(this.#wish.nowMs(), position);
    this.#rest = { position, after: this.#received };
  }

  async #take(message: LegacyMessage): Promise<void> {
    this.#taken += 1;
    const hasMore = this.#received > this.#taken;
    try {
      await this.#inTurn(() => this.#applier.take(message, hasMore));
    } catch (error) {
      throw asStoreTrouble(error);
    }
    // Nothing is heard while a message is being taken.
    this.#signMs = performance.now();
    this.#done += 1;
  }

  #haveStored(position: Position): void {
    this.#stored = position;
    this.#stream.acknowledge(position, 'telling');
    this.#wish.onStored(position);
  }

  #tick(): void {
    const isListening = this.#done === this.#taken;
    if (isListening && performance.now() - this.#signMs > SILENCE_MS)
      return this.#stream.fail(
        new FollowTrouble("Legacy's log has fallen silent; the connection is made anew."),
      );
    // Also in the middle of something long: legacy gives up who says nothing.
    this.#stream.acknowledge(this.#stored, 'asking');
    this.#inTurn(() => this.#tidy()).catch((error: unknown) => this.#stream.fail(asStoreTrouble(error)));
  }

  async #tidy(): Promise<void> {
    const { store, slot, retention } = this.#wish;
    if (!this.#applier.isIdle) return;
    if (this.#rest && this.#rest.after <= this.#taken) await this.#applier.rest(this.#rest.position);
    await retention.tidy(store, slot, this.#stored);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
