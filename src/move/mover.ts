import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import type { Store } from '../store/index.ts';
import type { Emit, MoveOrder, MoveRecord, RowFollower, TenantId } from '../vocabulary/index.ts';
import type { Features } from './drift/index.ts';
import { type DriftWatch, openDriftWatch } from './drift-watch.ts';
import { type HandOverEnd, type HandOverPorts, handOver } from './hand-over.ts';
import { findSchema, outlastWriters } from './legacy-side.ts';
import { openLegacyPool } from './legacy-slot.ts';
import { type Place, Prover } from './prover.ts';
import { openRecheck, type Recheck, type RecheckPlace } from './recheck.ts';
import {
  advanceSequences,
  openReturn,
  prepareReturn,
  type Returning,
  readSequences,
} from './return/index.ts';

export type MoverWish = Readonly<{
  legacyUrl: string;
  /** The store, as any role of it, for its catalogs. */
  storeUrl: string;
  store: Pick<Store, 'mover' | 'moveLook' | 'tenures' | 'tenants' | 'outbox' | 'proof'>;
  follower: Pick<RowFollower, 'catchUp'>;
  emit: Emit;
  /** Hand-overs side by side; default 4. */
  atOnce?: number;
  /** In so long every tenant's rows are proven once more; 0: only when asked for. */
  recheckMs: number;
  /** Columns of legacy (table.column) that are knowingly not carried over. */
  leftOut: readonly string[];
}>;

export type Mover = Readonly<{ close(): Promise<void> }>;

type Work = Readonly<{ back: Returning; recheck: Recheck | undefined }>;

type Ended = HandOverEnd | Readonly<{ kind: 'done'; rows: number }>;

const VERIFY_MS = 10 * 60_000;
const AT_ONCE = 4;
const LOOK_MS = 50;
const LEAD_AGAIN_MS = 1_000;

/** Carries out orders for as long as it leads; of several movers one does, and another takes over where it stops. */
export function openMover(wish: MoverWish): Mover {
  const closing = new AbortController();
  // Each hand-over, and the look in the background, reads rows on one while it asks by another.
  const legacy = openLegacyPool(wish.legacyUrl, 2 * ((wish.atOnce ?? AT_ONCE) + 1));
  const running = new Lead(wish, legacy, closing.signal).run();
  return {
    async close() {
      closing.abort();
      await running;
      await legacy.end();
    },
  };
}

class Lead {
  readonly #wish: MoverWish;
  readonly #legacy: pg.Pool;
  readonly #signal: AbortSignal;
  readonly #prover: Prover;
  readonly #drift: DriftWatch;
  /** Tenants for whom an order is being carried out. */
  readonly #busy: TenantId[] = [];

  constructor(wish: MoverWish, legacy: pg.Pool, signal: AbortSignal) {
    this.#wish = wish;
    this.#prover = new Prover({ ...wish, legacy });
    this.#drift = openDriftWatch({ ...wish, features: () => readFeatures(wish) });
    this.#legacy = legacy;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#lead().catch((error: unknown) =>
        this.#wish.emit({ type: 'mover_changed', state: 'stopped', detail: describe(error) }),
      );
      await wait(LEAD_AGAIN_MS, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  /** Until the connection that makes it the leader is lost, something fails, or it is closed. */
  async #lead(): Promise<void> {
    const { store, emit, legacyUrl, atOnce = AT_ONCE } = this.#wish;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const lead = await store.mover.lead(() => over.abort());
    if (lead === undefined) return;
    try {
      // What the mover before left behind.
      await store.mover.tidy();
      await store.mover.returnOrders();
      await prepareReturn(legacyUrl);
      const back = openReturn({ legacyUrl, outbox: store.outbox, emit });
      emit({ type: 'mover_changed', state: 'leading', detail: 'carries out what is ordered' });
      const recheck = this.#openRecheck(back);
      try {
        await Promise.all(Array.from({ length: atOnce }, () => this.#work({ back, recheck }, signal)));
      } finally {
        await recheck?.close();
        await back.close();
      }
    } finally {
      await lead.close();
    }
  }

  #openRecheck(back: Returning): Recheck | undefined {
    const { store, recheckMs } = this.#wish;
    if (recheckMs === 0) return undefined;
    return openRecheck({
      store,
      everyMs: recheckMs,
      isBusy: (tenant) => this.#busy.includes(tenant),
      prove: (place, signal) => this.#recheck(place, back, signal),
    });
  }

  async #work({ back, recheck }: Work, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const order = await this.#wish.store.mover.takeOrder();
      if (order) {
        this.#busy.push(order.tenant);
        recheck?.giveWay(order.tenant);
        await this.#carryOut(order, back).finally(() =>
          this.#busy.splice(this.#busy.indexOf(order.tenant), 1),
        );
      } else await wait(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #carryOut(order: MoveOrder, back: Returning): Promise<void> {
    const { store, emit } = this.#wish;
    const { tenant, feature } = order;
    const { moves, changed } = await store.tenures.news(0);
    const move = moves.find((one) => one.feature === feature);
    const owner = changed.find((one) => one.tenant === tenant && one.feature === feature)?.owner ?? 'legacy';
    const schema = await findSchema(this.#legacy, tenant);
    const end =
      move === undefined || schema === undefined
        ? ({ kind: 'refused', detail: describeMissing(order, move) } as const)
        : await this.#run(order, move, this.#openPorts({ schema, back, owner }));
    const detail = describeEnd(end);
    const state = end.kind === 'done' ? 'done' : 'failed';
    const heldMs = 'heldMs' in end ? end.heldMs : undefined;
    const rows = end.kind === 'done' ? end.rows : undefined;
    await store.mover.endOrder(order.id, { state, detail, heldMs, rows });
    emit({
      type: 'owner_changed',
      tenant,
      feature,
      order: order.order,
      ended: end.kind,
      detail,
      heldMs,
      rows,
    });
  }

  async #run(
    { order, tenant, feature }: MoveOrder,
    { tables }: MoveRecord,
    ports: HandOverPorts,
  ): Promise<Ended> {
    if (order !== 'verify') return handOver(ports, { order, tenant, feature, tables });
    const verified = await ports.verify(
      { tenant, feature, tables },
      { kind: 'live' },
      AbortSignal.timeout(VERIFY_MS),
    );
    return verified.kind === 'equal'
      ? { kind: 'done', rows: verified.rows }
      : { kind: 'failed', detail: verified.detail };
  }

  #openPorts(place: Place): HandOverPorts {
    const { schema, back } = place;
    const { store, follower } = this.#wish;
    const legacy = this.#legacy;
    return {
      book: store.mover,
      catchUp: (signal) => follower.catchUp(signal),
      drain: (tenant, signal) => back.drain(tenant, signal),
      judgeDrift: (task, apart) => this.#drift.judge(task, apart),
      verify: (task, manner, signal) => this.#prover.verify(place, task, manner, signal),
      readSequences: ({ tables }) => readSequences(legacy, schema, tables),
      advanceSequences: (_task, nextIds) => advanceSequences(legacy, schema, nextIds),
      outlast: ({ tables }, signal) => outlastWriters(legacy, { schema, tables }, signal),
    };
  }

  /** Rows that do not follow are not compared: a hand-over refuses them by itself. */
  async #recheck(place: RecheckPlace, back: Returning, called: AbortSignal): Promise<void> {
    const { tenant, feature, tables, owner } = place;
    const schema = await findSchema(this.#legacy, tenant);
    const apart = await this.#wish.store.mover.apart(tenant, tables);
    if (schema === undefined || apart === 'not_followed') return;
    const failed = (detail: string) =>
      this.#prover.note({ tenant, feature, state: 'failed', rows: undefined, detail });
    if (apart.length > 0) return failed(`The rows of ${apart.join(', ')} are apart from legacy's.`);
    const late = AbortSignal.timeout(VERIFY_MS);
    const signal = AbortSignal.any([called, late]);
    try {
      await this.#prover.verify({ schema, back, owner }, place, { kind: 'live' }, signal);
    } catch (error) {
      if (late.aborted && !called.aborted)
        await failed(`It was not proven within ${VERIFY_MS / 60_000} minutes.`);
      throw error;
    }
  }
}

async function readFeatures({ store }: MoverWish): Promise<Features> {
  const { moves } = await store.tenures.news(0);
  return Object.fromEntries(
    moves.filter(({ state }) => state !== 'retired').map(({ feature, tables }) => [feature, tables]),
  );
}

function describeEnd(end: Ended): string {
  if (end.kind !== 'done') return end.detail;
  const steps = 'steps' in end ? Object.entries(end.steps).map(([step, ms]) => `${step} ${ms}`) : [];
  const held = steps.length > 0 ? `; held, in ms: ${steps.join(', ')}` : '';
  const noted = 'noted' in end && end.noted.length > 0 ? `; its schema has drifted: ${end.noted[0]}` : '';
  return `${end.rows} rows, equal on both sides${held}${noted}`;
}

function describeMissing(
  { feature, tenant }: Readonly<{ feature: string; tenant: TenantId }>,
  move: MoveRecord | undefined,
) {
  return move === undefined
    ? `Nobody moves ${feature}. Run: banyan move start ${feature}.`
    : `Legacy's registry knows no tenant ${tenant}.`;
}

const describe = (error: unknown) => (error instanceof Error ? error.message : String(error));
