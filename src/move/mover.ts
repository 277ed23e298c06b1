import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import type { Store } from '../store/index.ts';
import {
  type Emit,
  EQUAL_NAMES,
  type Mapping,
  MOST_MOVES_AT_ONCE,
  type MoveOrder,
  type MoveRecord,
  type RowFollower,
  type TenantId,
} from '../vocabulary/index.ts';
import { type DriftWatch, openDriftWatch } from './drift-watch.ts';
import { type HandOverEnd, type HandOverPorts, handOver } from './hand-over.ts';
import { findSchema, outlastWriters } from './legacy-side.ts';
import { openLegacyPool } from './legacy-slot.ts';
import { type Place, Prover } from './prover.ts';
import { openRecheck, type Recheck } from './recheck.ts';
import {
  advanceSequences,
  openReturn,
  prepareReturn,
  type Returning,
  readSequences,
} from './return/index.ts';

export type MoverWish = Readonly<{
  legacyUrl: string;
  /** The store, for its catalogs: whichever role of it. */
  storeUrl: string;
  /** The replication slot by which rows follow: their names are mapped as it says. */
  slot: string;
  store: Pick<Store, 'mover' | 'moveLook' | 'tenures' | 'tenants' | 'outbox' | 'proof' | 'follow'>;
  follower: Pick<RowFollower, 'catchUp'>;
  emit: Emit;
  /** Hand-overs side by side; default MOST_MOVES_AT_ONCE. */
  atOnce?: number;
  /** In so long every tenant's rows are proven once more; 0: only when asked for. */
  recheckMs: number;
}>;

export type Mover = Readonly<{ close(): Promise<void> }>;

type Work = Readonly<{ back: Returning; recheck: Recheck | undefined }>;

type Ended = HandOverEnd | Readonly<{ kind: 'done'; rows: number }>;

const VERIFY_MS = 10 * 60_000;
const LOOK_MS = 50;
const LEAD_AGAIN_MS = 1_000;
const PRUNE_MS = 5 * 60_000;

/** Carries out orders for as long as it leads; of several movers one does, and another takes over where it stops. */
export function openMover(wish: MoverWish): Mover {
  const closing = new AbortController();
  // Each hand-over, and the look in the background, reads rows on one while it asks by another.
  const legacy = openLegacyPool(wish.legacyUrl, 2 * ((wish.atOnce ?? MOST_MOVES_AT_ONCE) + 1));
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
  /** Cannot change while the new side owns anything: read where a mover begins, and before each order. */
  #mapping: Mapping = EQUAL_NAMES;

  constructor(wish: MoverWish, legacy: pg.Pool, signal: AbortSignal) {
    this.#wish = wish;
    const mapping = () => this.#mapping;
    this.#prover = new Prover({ ...wish, legacy, mapping });
    this.#drift = openDriftWatch({
      ...wish,
      moves: async () => (await wish.store.tenures.news(0)).moves,
      mapping,
    });
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
    const { store, emit, legacyUrl, atOnce = MOST_MOVES_AT_ONCE } = this.#wish;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const lead = await store.mover.lead(() => over.abort());
    if (lead === undefined) return;
    try {
      // What the mover before left behind.
      await store.mover.tidy();
      await store.mover.returnOrders();
      await prepareReturn(legacyUrl);
      await this.#readMapping();
      const mapping = () => this.#mapping;
      const back = openReturn({ legacyUrl, outbox: store.outbox, emit, mapping });
      const pruning = setInterval(() => void store.mover.pruneOrders().catch(() => undefined), PRUNE_MS);
      emit({ type: 'mover_changed', state: 'leading', detail: 'carries out what is ordered' });
      const recheck = this.#openRecheck(back);
      try {
        await Promise.all(Array.from({ length: atOnce }, () => this.#work({ back, recheck }, signal)));
      } finally {
        await recheck?.close();
        clearInterval(pruning);
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
      prove: async (place, signal) => {
        await this.#readMapping();
        await this.#prover.prove(place, back, signal);
      },
    });
  }

  async #readMapping(): Promise<void> {
    const { store, slot } = this.#wish;
    this.#mapping = (await store.follow.mapping(slot)).mapping;
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
    await this.#readMapping();
    const { moves, changed } = await store.tenures.news(0);
    const move = moves.find((one) => one.feature === feature);
    const owner = changed.find((one) => one.tenant === tenant && one.feature === feature)?.owner ?? 'legacy';
    const schema = await findSchema(this.#legacy, tenant);
    const end =
      move === undefined || schema === undefined
        ? ({ kind: 'refused', detail: describeMissing(order, move) } as const)
        : await this.#run(order, move, this.#openPorts({ schema, back, owner }));
    const detail = describeEnd(end, order);
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
    const [legacy, mapping] = [this.#legacy, this.#mapping];
    return {
      book: store.mover,
      catchUp: (signal) => follower.catchUp(signal),
      drain: (tenant, signal) => back.drain(tenant, signal),
      judgeDrift: (task, apart) => this.#drift.judge(task, apart),
      verify: (task, manner, signal) => this.#prover.verify(place, task, manner, signal),
      readSequences: ({ tables }) => readSequences(legacy, schema, tables, mapping),
      advanceSequences: (_task, nextIds) => advanceSequences(legacy, schema, nextIds, mapping),
      outlast: ({ tables }, signal) => outlastWriters(legacy, { schema, tables, mapping }, signal),
    };
  }
}

function describeEnd(end: Ended, { order }: Pick<MoveOrder, 'order'>): string {
  if (end.kind !== 'done') return end.detail;
  const steps = 'steps' in end ? Object.entries(end.steps).map(([step, ms]) => `${step} ${ms}`) : [];
  const held = steps.length > 0 ? `; held, in ms: ${steps.join(', ')}` : '';
  const rehearsed = order === 'rehearse' ? '; nothing was switched' : '';
  const noted = 'noted' in end && end.noted.length > 0 ? `; its schema has drifted: ${end.noted[0]}` : '';
  return `${end.rows} rows, equal on both sides${held}${rehearsed}${noted}`;
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
