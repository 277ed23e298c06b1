import type { Side } from './decision.ts';
import type { FeatureName, TenantId, TenantName } from './ids.ts';
import type { Position } from './rows.ts';

/**
 * Where a change of owner stands. `holding`: the owner is as before, writes are kept back and those under way end. `switched`: the owner is
 * the other one, and nobody writes yet. `settled`: the owner writes.
 */
export type TenureStep = 'settled' | 'holding' | 'switched';
export const TENURE_STEPS = ['settled', 'holding', 'switched'] as const satisfies readonly TenureStep[];

/** Who accepts writes of one tenant's feature. */
export type Tenure = Readonly<{ owner: Side; step: TenureStep }>;

/** Counts what instances must know before the next step of a move is taken. */
export type Epoch = number;

export type MoveState = 'moving' | 'paused' | 'retired';

/** Tenants that one mover works on side by side, at most. */
export const MOST_MOVES_AT_ONCE = 4;

/** How hand-overs of many tenants go. Undefined: no limit. */
export type MoveLimits = Readonly<{
  /** So many go together; the next ones begin when all of these have ended. */
  wave: number | undefined;
  /** So many are handed over side by side. */
  atOnce: number | undefined;
  /** So many of a wave may be refused or fail; with one more the rest waits. */
  stopAfter: number | undefined;
}>;

/** Limits to be changed: null takes one away, undefined leaves it as it is. */
export type MoveLimitWish = Readonly<{ [Limit in keyof MoveLimits]?: number | null | undefined }>;

/** A feature whose rows are being moved. */
export type MoveRecord = Readonly<{
  feature: FeatureName;
  tables: readonly string[];
  state: MoveState;
  limits: MoveLimits;
  /** Why it is paused, in a sentence, where somebody or something said why. */
  pausedWhy: string | undefined;
  epoch: Epoch;
  startedAt: Date;
}>;

/** `since`: the place in legacy's log at which the owner changed last. */
export type TenureRecord = Tenure &
  Readonly<{
    tenant: TenantId;
    feature: FeatureName;
    epoch: Epoch;
    since: Position | undefined;
    changedAt: Date;
  }>;

/** What there is to know up to an epoch: all moves, and the tenures that changed after the epoch that was known. */
export type TenureNews = Readonly<{
  epoch: Epoch;
  moves: readonly MoveRecord[];
  changed: readonly TenureRecord[];
}>;

/** A process that answers requests. It may act on what it knows until its lease ends, by the database's clock. */
export type InstanceRecord = Readonly<{
  id: string;
  /** Host, process and worker, for people. */
  name: string;
  startedAt: Date;
  seenAt: Date;
  /** Confirmed: it acts on everything up to here, and writes that began before have ended. */
  epoch: Epoch;
  /** It acts on everything up to here, but for what `busy` says. */
  heard: Epoch;
  /** Whose owner is about to change, while writes that began before are still under way. */
  busy: readonly Place[];
  isLive: boolean;
}>;

/** What has one owner. */
export type Place = Readonly<{ tenant: TenantId; feature: FeatureName }>;

/** What an instance says of itself; `heard` and `busy` as in its record, where left out: all of it is confirmed. */
export type Attendant = Readonly<{
  id: string;
  name: string;
  epoch: Epoch;
  heard?: Epoch;
  busy?: readonly Place[];
  leaseMs: number;
}>;

/** Who owns what, and who knows it. Implemented by store, used by the processes that answer requests. */
export interface TenureBook {
  /** Registers an instance, or tells that it is alive: for so long it may act on what it knows. */
  attend(instance: Attendant): Promise<void>;
  leave(id: string): Promise<void>;
  /** What changed after `known`. */
  news(known: Epoch): Promise<TenureNews>;
  /** Calls `onNews` whenever somebody raises the epoch; perhaps too often, and not while the database is away. */
  listen(onNews: () => void): Readonly<{ close(): Promise<void> }>;
  instances(): Promise<readonly InstanceRecord[]>;
}

/** `verify`: prove that the rows are equal, and change nothing. `rehearse`: all of a hand-over but the switch; writes are held meanwhile. */
export type MoveOrderKind = 'hand_over' | 'hand_back' | 'verify' | 'rehearse';
/** `withdrawn`: the table said something else before its turn came. */
export type MoveOrderState = 'waiting' | 'running' | 'done' | 'failed' | 'withdrawn';

export type MoveOrder = Readonly<{
  id: number;
  feature: FeatureName;
  tenant: TenantId;
  order: MoveOrderKind;
  author: string;
  at: Date;
  state: MoveOrderState;
  /** 1, and more where it repeats one that was refused or failed. */
  attempt: number;
  /** It waits for its wave; any other order is taken at once. */
  inWaves: boolean;
  /** The wave that it was taken in; undefined where it waited for none, or waits still. */
  wave: number | undefined;
  /** A sentence: what is the matter, or how it went. */
  detail: string | undefined;
  /** How long writes were held, in ms. */
  heldMs: number | undefined;
  /** How many rows are equal on both sides, if they are. */
  rows: number | undefined;
  endedAt: Date | undefined;
}>;

export type MoveQueueWish = Readonly<{
  feature: FeatureName;
  tenants: readonly TenantId[];
  order: 'hand_over' | 'hand_back';
  author: string;
  manner: 'fresh' | 'repeated';
}>;

/** What the mover is asked to do. Implemented by store. */
export interface MoveBook {
  /** Begins to move a feature: from now on its tenants have owners, legacy at first. Answers the epoch that every instance must know. */
  begin(feature: FeatureName, tables: readonly string[]): Promise<Epoch>;
  /** Changes a move's state; answers the epoch, or undefined where there is no such move. */
  change(feature: FeatureName, state: MoveState, why?: string): Promise<Epoch | undefined>;
  limit(feature: FeatureName, limits: MoveLimitWish): Promise<void>;
  /**
   * To be carried out as soon as a mover is free. Undefined where another for this tenant and feature is open already; one that waits for
   * its wave is brought forward, or withdrawn where it says something else.
   */
  order(wish: Pick<MoveOrder, 'feature' | 'tenant' | 'order' | 'author'>): Promise<MoveOrder | undefined>;
  /**
   * Puts tenants into the queue; hand-overs go in waves. `repeated`: what was refused or failed comes again after a pause that grows;
   * `fresh`: at once. Answers how many are new.
   */
  queue(wish: MoveQueueWish): Promise<number>;
  /** Orders that nobody has begun, of all moves. */
  waiting(): Promise<readonly Pick<MoveOrder, 'id' | 'feature' | 'tenant' | 'order'>[]>;
  /** Takes back orders that nobody has begun: the table says something else. */
  withdraw(ids: readonly number[], wish: Readonly<{ olderThanMs: number }>): Promise<void>;
  /** Open ones oldest first, then the `limit` that ended last. */
  orders(limit: number): Promise<readonly MoveOrder[]>;
  findOrder(id: number): Promise<MoveOrder | undefined>;
}

/** How one of several instances asks whose a tenant's feature is. Undefined: it is not being moved, and its flag alone decides. */
export type OwnerOf = (tenant: TenantName | undefined, feature: FeatureName | undefined) => Side | undefined;
