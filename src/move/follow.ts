import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { type FollowStore, RowConflict } from '../store/index.ts';
import type { Emit, Position, RowFollower, TenantId } from '../vocabulary/index.ts';
import { Heard } from './heard.ts';
import { LegacyRegistry } from './legacy-registry.ts';
import { checkSlot, openLegacyPool } from './legacy-slot.ts';
import { Marks } from './marks.ts';
import { MARK_PREFIX } from './pgoutput.ts';
import { Retention } from './retention.ts';
import { Session } from './session.ts';
import { describeTrouble, FollowTrouble } from './trouble.ts';

export type FollowWish = Readonly<{
  /** Legacy's database, as a role that may replicate. */
  legacyUrl: string;
  /** The replication slot; `prepareFollow` has made it. */
  slot: string;
  store: FollowStore;
  emit: Emit;
  /** How long the journal is kept, in ms; default 3 minutes, and never less than 2. */
  journalMs?: number;
  /** Now, in ms since the epoch, by the clock that `heardBy` is asked by; default the machine's. */
  nowMs?: () => number;
}>;

export type FollowingState =
  | Readonly<{ kind: 'following' }>
  /** `detail`: why, in a sentence with its remedy. */
  | Readonly<{ kind: 'stopped'; detail: string }>;

export type Following = RowFollower &
  Readonly<{
    state(): FollowingState;
    /** Ends the stream and the connections to legacy; what was not stored is sent again next time. The store stays open. */
    close(): Promise<void>;
  }>;

const BACK_OFF_MS = [250, 500, 1_000, 2_000, 5_000] as const;
const LONGEST_MS = 10_000;
const TAKEN_RETRY_MS = 1_000;

/** Follows until it is closed; whatever breaks is told by `follow_changed` and tried again. */
export function openFollow(wish: FollowWish): Following {
  const follower = new Follower(wish);
  return {
    heardBy: (atMs) => follower.heard.by(atMs),
    catchUp: (signal) => follower.marks.ask(signal),
    state: () => follower.state,
    close: () => follower.close(),
  };
}

class Follower {
  readonly heard = new Heard();
  readonly marks: Marks;
  state: FollowingState = { kind: 'stopped', detail: 'Following is about to begin.' };
  readonly #wish: FollowWish;
  readonly #pool: pg.Pool;
  readonly #registry: LegacyRegistry;
  readonly #retention: Retention;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  readonly #parted = new Set<string>();
  #session: Session | undefined;
  #ended: Promise<void> | undefined;
  #failures = 0;
  #carefulUpTo = 0n as Position;

  constructor(wish: FollowWish) {
    this.#wish = wish;
    this.#pool = openLegacyPool(wish.legacyUrl);
    this.#registry = new LegacyRegistry(this.#pool);
    this.#retention = new Retention(wish.journalMs);
    this.marks = new Marks(async (token) => {
      await this.#pool.query('SELECT pg_logical_emit_message(true, $1, $2)', [MARK_PREFIX, token]);
    });
    this.#running = this.#run();
  }

  close(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    await this.#session?.stop().catch(() => undefined);
    await this.#running;
    this.marks.close(new Error('Following has ended.'));
    await this.#pool.end();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const reason = await this.#followOnce().then(
        () => new FollowTrouble('Legacy has ended the stream.'),
        (error: unknown) => error,
      );
      if (signal.aborted) return;
      const trouble = await this.#settle(reason).catch((error: unknown) => error);
      if (trouble !== undefined) await this.#pauseAfter(trouble);
    }
  }

  /** From where the store stands until the stream breaks. */
  async #followOnce(): Promise<void> {
    const { legacyUrl, slot, store, nowMs = Date.now } = this.#wish;
    const position = await checkSlot(this.#pool, slot, await store.position(slot));
    if (this.#closing.signal.aborted) return;
    this.#session = new Session({
      legacyUrl,
      slot,
      store,
      position,
      nowMs,
      carefulUpTo: this.#carefulUpTo,
      registry: this.#registry,
      heard: this.heard,
      retention: this.#retention,
      onStart: () => this.#begin(position),
      onStored: () => {
        this.#failures = 0;
      },
      onMark: (token, at) => this.marks.arrived(token, at),
      onApart: (tenant, tables) => this.#tellParted(tenant, tables),
    });
    await this.#session.run();
  }

  #begin(position: Position): void {
    this.heard.note((this.#wish.nowMs ?? Date.now)(), position);
    this.state = { kind: 'following' };
    this.#wish.emit({
      type: 'follow_changed',
      state: 'following',
      detail: `by the slot "${this.#wish.slot}"`,
    });
    this.marks.again();
  }

  /** A change that does not fit is tried again with care; where it does not fit then, its table is apart. Answers what stays a trouble. */
  async #settle(reason: unknown): Promise<unknown> {
    if (!(reason instanceof RowConflict)) return reason;
    const position = this.#session?.position ?? this.#carefulUpTo;
    if (position > this.#carefulUpTo) {
      this.#carefulUpTo = position;
      return undefined;
    }
    let changed = false;
    for (const tenant of reason.tenants) {
      const table = await this.#wish.store.part(tenant, reason.tables);
      if (table !== undefined) this.#tellParted(tenant, [table]);
      changed ||= table !== undefined;
    }
    return changed
      ? undefined
      : new FollowTrouble('A change of legacy fits no table, though all it touches are apart.');
  }

  #tellParted(tenant: TenantId, tables: readonly string[]): void {
    const name = this.#registry.nameOf(tenant);
    for (const table of tables) {
      const place = `${tenant}/${table}`;
      if (name === undefined || this.#parted.has(place)) continue;
      this.#parted.add(place);
      this.#wish.emit({ type: 'rows_parted', tenant: name, table });
    }
  }

  async #pauseAfter(trouble: unknown): Promise<void> {
    const detail = describeTrouble(trouble, this.#wish.slot);
    const isNews = this.state.kind === 'following' || this.state.detail !== detail;
    this.state = { kind: 'stopped', detail };
    if (isNews) this.#wish.emit({ type: 'follow_changed', state: 'stopped', detail });
    const isTaken = trouble instanceof FollowTrouble && trouble.isTaken;
    const pauseMs = isTaken ? TAKEN_RETRY_MS : (BACK_OFF_MS[this.#failures] ?? LONGEST_MS);
    this.#failures += 1;
    await wait(pauseMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
  }
}
