import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { type FollowStore, RowConflict } from '../store/index.ts';
import { type Emit, type Position, parsePosition, type RowFollower } from '../vocabulary/index.ts';
import { Heard } from './heard.ts';
import { LegacyRegistry } from './legacy-registry.ts';
import { checkSlot, openLegacyPool } from './legacy-slot.ts';
import { Marks } from './marks.ts';
import { type FollowingState, News } from './news.ts';
import { Onlooker } from './onlooker.ts';
import { MARK_PREFIX } from './pgoutput.ts';
import { Retention } from './retention.ts';
import { Session } from './session.ts';
import { SlotWatch } from './slot-watch.ts';
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
  /** So much of its log legacy may keep for the slot before it is told of, where its server has no limit of its own; default 10 GB. */
  heldBytes?: number;
  /** Now, in ms since the epoch, by the clock that `heardBy` is asked by; default the machine's. */
  nowMs?: () => number;
}>;

export type Following = RowFollower &
  Readonly<{
    state(): FollowingState;
    /** Ends the stream and the connections to legacy; what was not stored is sent again next time. The store stays open. */
    close(): Promise<void>;
  }>;

const BACK_OFF_MS = [250, 500, 1_000, 2_000, 5_000] as const;
const LONGEST_MS = 10_000;
const HELD_BYTES = 10_737_418_240;

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
  readonly #wish: FollowWish;
  readonly #pool: pg.Pool;
  readonly #registry: LegacyRegistry;
  readonly #retention: Retention;
  readonly #onlooker: Onlooker;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  readonly #news: News;
  readonly #slotWatch: SlotWatch;
  #session: Session | undefined;
  #ended: Promise<void> | undefined;
  #failures = 0;
  #carefulUpTo = 0n as Position;

  constructor(wish: FollowWish) {
    this.#wish = wish;
    this.#pool = openLegacyPool(wish.legacyUrl);
    this.#registry = new LegacyRegistry(this.#pool);
    this.#news = new News(wish.emit, (tenant) => this.#registry.nameOf(tenant));
    this.#retention = new Retention(wish.journalMs);
    this.marks = new Marks((token) => this.#mark(token));
    this.#onlooker = new Onlooker({
      pool: this.#pool,
      store: wish.store,
      slot: wish.slot,
      heard: this.heard,
      nowMs: wish.nowMs ?? Date.now,
      onMark: (token, at) => this.marks.arrived(token, at),
    });
    this.#slotWatch = new SlotWatch({
      pool: this.#pool,
      store: wish.store,
      slot: wish.slot,
      emit: wish.emit,
      heldBytes: wish.heldBytes ?? HELD_BYTES,
    });
    this.#running = this.#run();
  }

  get state(): FollowingState {
    return this.#news.state;
  }

  close(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    await this.#session?.stop().catch(() => undefined);
    await this.#running;
    await this.#slotWatch.close();
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
      const kind = trouble instanceof FollowTrouble ? trouble.kind : 'fault';
      if (trouble === undefined || kind === 'passing') continue;
      if (kind === 'taken') await this.#lookOn();
      else await this.#pauseAfter(trouble);
    }
  }

  /** From where the store stands until the stream breaks. */
  async #followOnce(): Promise<void> {
    const { legacyUrl, slot, store, nowMs = Date.now } = this.#wish;
    const position = await checkSlot(this.#pool, slot, await store.position(slot));
    const { mapping, revision } = await store.mapping(slot);
    if (this.#closing.signal.aborted) return;
    this.#session = new Session({
      legacyUrl,
      slot,
      store,
      position,
      mapping,
      mappingRevision: revision,
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
      onApart: (tenant, tables) => this.#news.tellParted(tenant, tables),
      onStrangers: (tenant, wrote) => this.#news.tellStrangers(tenant, wrote),
    });
    await this.#session.run();
  }

  #begin(position: Position): void {
    this.heard.note((this.#wish.nowMs ?? Date.now)(), position);
    this.#news.tell({ kind: 'following', by: 'itself' }, `by the slot "${this.#wish.slot}"`);
    this.marks.again();
  }

  /** While another instance follows: what it stores serves this one, too. */
  async #lookOn(): Promise<void> {
    const { signal } = this.#closing;
    this.#news.tell(
      { kind: 'following', by: 'another' },
      `by the slot "${this.#wish.slot}", which another instance reads`,
    );
    this.marks.again();
    await this.#onlooker.run(signal).catch((error: unknown) => this.#pauseAfter(error));
  }

  async #mark(token: string): Promise<void> {
    const { rows } = await this.#pool.query<{ at: string }>(
      'SELECT pg_logical_emit_message(true, $1, $2)::text AS at',
      [MARK_PREFIX, token],
    );
    const position = parsePosition(rows[0]?.at ?? '');
    const isLookingOn = this.state.kind === 'following' && this.state.by === 'another';
    if (isLookingOn && position !== undefined)
      await this.#onlooker.expect(token, position, this.#closing.signal);
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
      if (table !== undefined) this.#news.tellParted(tenant, [table]);
      changed ||= table !== undefined;
    }
    return changed
      ? undefined
      : new FollowTrouble('A change of legacy fits no table, though all it touches are apart.');
  }

  async #pauseAfter(trouble: unknown): Promise<void> {
    const detail = describeTrouble(trouble, this.#wish.slot);
    this.#news.tell({ kind: 'stopped', detail }, detail);
    const pauseMs = BACK_OFF_MS[this.#failures] ?? LONGEST_MS;
    this.#failures += 1;
    await wait(pauseMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
  }
}
