import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import type { OutboxPending, OutboxStore } from '../../store/index.ts';
import type { Emit, Mapping, TenantId } from '../../vocabulary/index.ts';
import { type BatchEnd, type BatchWish, ReturnBatch } from './return-batch.ts';
import { ReturnNews } from './return-news.ts';
import { asReturnTrouble, isRepeatable, Misfit, ReturnTrouble } from './return-trouble.ts';
import { Turns } from './turns.ts';

export type ReturnWish = Readonly<{
  /** Legacy's database, as a role that may write its tables; `prepareReturn` has made ours there. */
  legacyUrl: string;
  outbox: OutboxStore;
  emit: Emit;
  /** By which names, asked before each batch; without it by equal ones. */
  mapping?: (() => Mapping) | undefined;
}>;

export type Returning = Readonly<{
  /**
   * Resolves once everything that the new side had committed before the call is on legacy. Waits while a database is away; rejects with
   * ReturnTrouble where a row does not fit on legacy, or with the signal's reason.
   */
  drain(tenant: TenantId, signal: AbortSignal): Promise<void>;
  /** How much waits, for how long the oldest has, and, in a sentence, why it does not go on. */
  pending(tenant: TenantId): Promise<ReturnPending>;
  /** Ends carrying after the batches under way. The store stays open. */
  close(): Promise<void>;
}>;

export type ReturnPending = OutboxPending & Readonly<{ trouble: string | undefined }>;

const BUSY_MS = 100;
const IDLE_MS = 500;
const AT_ONCE = 4;
const BACK_OFF_MS = [500, 1_000, 2_000, 5_000, 10_000] as const;
const LONGEST_MS = 30_000;
const REPETITIONS = 5;
const BOUNDS = { lines: 2_000, characters: 8_000_000 } as const;
// What hangs together may be longer than a batch; this much is held in memory at most.
const MOST_LINES = 32_000;
const LARGER = 4;

/** Carries what the outbox holds to legacy until it is closed; whatever stops is told by `return_changed` and tried again. */
export function openReturn(wish: ReturnWish): Returning {
  return new Carrier(wish);
}

type Rest = { failures: number; untilMs: number };

class Carrier implements Returning {
  readonly #outbox: OutboxStore;
  readonly #legacy: pg.Pool;
  readonly #batch: ReturnBatch;
  readonly #news: ReturnNews;
  readonly #turns = new Turns();
  readonly #rests = new Map<TenantId | 'all', Rest>();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #ended: Promise<void> | undefined;

  constructor({ legacyUrl, outbox, emit, mapping }: ReturnWish) {
    this.#outbox = outbox;
    this.#legacy = openPool(legacyUrl);
    this.#batch = new ReturnBatch(this.#legacy, outbox, mapping);
    this.#news = new ReturnNews(emit);
    this.#running = this.#run();
  }

  async drain(tenant: TenantId, signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      signal.throwIfAborted();
      try {
        // In a turn of its own, so that it begins after the call.
        while ((await unlessAborted(this.#carry(tenant, 'wait'), signal)) !== 'done');
        return;
      } catch (error) {
        if (signal.aborted || this.#closing.signal.aborted) throw error;
        if (error instanceof ReturnTrouble && error.kind === 'misfit') throw error;
      }
      await pause(BACK_OFF_MS[failures] ?? LONGEST_MS, signal).catch(() => signal.throwIfAborted());
    }
  }

  async pending(tenant: TenantId): Promise<ReturnPending> {
    const pending = await this.#outbox.pending(tenant);
    return { ...pending, trouble: pending.lines > 0 ? this.#news.troubleOf(tenant) : undefined };
  }

  close(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#closing.abort(new Error('Carrying rows back has ended.'));
    await this.#running;
    await this.#turns.ended();
    await this.#legacy.end();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const found = await this.#round();
      const restMs = Math.max(this.#restMs('all'), found === 'some' ? BUSY_MS : IDLE_MS);
      if (found !== 'more') await pause(restMs, signal).catch(() => undefined);
    }
  }

  /** A batch for each tenant that has something, a few at once. */
  async #round(): Promise<'none' | 'some' | 'more'> {
    const due = await this.#listDue();
    let isMore = false;
    const next = due.values();
    const work = async () => {
      for (const tenant of next) {
        if (this.#closing.signal.aborted || this.#restMs('all') > 0) return;
        isMore = (await this.#carry(tenant, 'pass').catch(() => 'done')) === 'more' || isMore;
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, due.length) }, work));
    return isMore ? 'more' : due.length > 0 ? 'some' : 'none';
  }

  async #listDue(): Promise<readonly TenantId[]> {
    try {
      const tenants = await this.#outbox.tenants();
      this.#forget(tenants);
      return tenants.filter((tenant) => this.#restMs(tenant) <= 0);
    } catch (error) {
      this.#note('all', asReturnTrouble(error, undefined));
      return [];
    }
  }

  /** Whoever has nothing left has no trouble either: another carrier may have been there. */
  #forget(tenants: readonly TenantId[]): void {
    for (const whose of this.#rests.keys())
      if (whose === 'all' ? tenants.length === 0 : !tenants.includes(whose)) this.#settle(whose);
  }

  /** One batch, alone with this tenant in this process. Rejects with ReturnTrouble, which is told and noted. */
  #carry(tenant: TenantId, patience: BatchWish['patience']): Promise<BatchEnd> {
    return this.#turns.take(tenant, async () => {
      this.#closing.signal.throwIfAborted();
      try {
        const end = await this.#carryWithCare(tenant, patience);
        this.#settle(tenant);
        this.#settle('all');
        return end;
      } catch (error) {
        const trouble = asReturnTrouble(error, this.#batch.nameOf(tenant));
        this.#note(trouble.kind === 'away' ? 'all' : tenant, trouble);
        throw trouble;
      }
    });
  }

  /** What does not fit is tried again: line by line, and with what comes after it. */
  async #carryWithCare(tenant: TenantId, patience: BatchWish['patience']): Promise<BatchEnd> {
    let wish: BatchWish = { tenant, manner: 'together', bounds: BOUNDS, patience };
    for (let repetitions = 0; ; ) {
      try {
        return await this.#batch.carry(wish);
      } catch (error) {
        const next = error instanceof Misfit ? moreCareful(wish, error) : undefined;
        if (next === undefined && !(isRepeatable(error) && repetitions < REPETITIONS)) throw error;
        repetitions += next === undefined ? 1 : 0;
        wish = next ?? wish;
      }
    }
  }

  #restMs(whose: TenantId | 'all'): number {
    return (this.#rests.get(whose)?.untilMs ?? 0) - performance.now();
  }

  #note(whose: TenantId | 'all', trouble: ReturnTrouble): void {
    // Several at once meet the same trouble once.
    if (whose === 'all' && this.#restMs(whose) > 0) return;
    const failures = this.#rests.get(whose)?.failures ?? 0;
    const untilMs = performance.now() + (BACK_OFF_MS[failures] ?? LONGEST_MS);
    this.#rests.set(whose, { failures: failures + 1, untilMs });
    // Once may be a connection that was cut, or a lock that is gone in a moment.
    if (trouble.kind === 'misfit' || failures > 0)
      this.#news.stop(whose, whose === 'all' ? undefined : this.#batch.nameOf(whose), trouble.message);
  }

  #settle(whose: TenantId | 'all'): void {
    this.#rests.delete(whose);
    this.#news.goOn(whose);
  }
}

function moreCareful(wish: BatchWish, misfit: Misfit): BatchWish | undefined {
  const { lines, characters } = wish.bounds;
  if (!misfit.isOrphan) return wish.manner === 'together' ? { ...wish, manner: 'one_by_one' } : undefined;
  // Which line it was shows at the end only, whatever the manner.
  if (misfit.isComplete || lines >= MOST_LINES) return undefined;
  return { ...wish, bounds: { lines: lines * LARGER, characters: characters * LARGER } };
}

const pause = (ms: number, signal: AbortSignal) => wait(ms, undefined, { signal, ref: false });

/** The work goes on; whoever waits need not. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

// Values come and go in one form, whatever the role or the database has set. What is deleted from the outbox must be on legacy's disk.
const FORMS =
  '-c datestyle=ISO,MDY -c intervalstyle=postgres -c timezone=UTC -c jit=off -c synchronous_commit=on ' +
  '-c statement_timeout=60s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s';
const ANSWER_MS = 65_000;
const POOL_SIZE = 8;

function openPool(legacyUrl: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: legacyUrl,
    max: POOL_SIZE,
    options: FORMS,
    connectionTimeoutMillis: 5_000,
    query_timeout: ANSWER_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'banyan return',
  });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
