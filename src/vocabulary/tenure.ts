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

/** A feature whose rows are being moved. */
export type MoveRecord = Readonly<{
  feature: FeatureName;
  tables: readonly string[];
  state: MoveState;
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

/** `verify`: prove that the rows are equal, and change nothing. */
export type MoveOrderKind = 'hand_over' | 'hand_back' | 'verify';
export type MoveOrderState = 'waiting' | 'running' | 'done' | 'failed';

export type MoveOrder = Readonly<{
  id: number;
  feature: FeatureName;
  tenant: TenantId;
  order: MoveOrderKind;
  author: string;
  at: Date;
  state: MoveOrderState;
  /** A sentence: what is the matter, or how it went. */
  detail: string | undefined;
  /** How long writes were held, in ms. */
  heldMs: number | undefined;
  /** How many rows are equal on both sides, if they are. */
  rows: number | undefined;
  endedAt: Date | undefined;
}>;

/** What the mover is asked to do. Implemented by store. */
export interface MoveBook {
  /** Begins to move a feature: from now on its tenants have owners, legacy at first. Answers the epoch that every instance must know. */
  begin(feature: FeatureName, tables: readonly string[]): Promise<Epoch>;
  /** Changes a move's state; answers the epoch, or undefined where there is no such move. */
  change(feature: FeatureName, state: MoveState): Promise<Epoch | undefined>;
  /** Undefined where one for this tenant and feature is open already. */
  order(wish: Pick<MoveOrder, 'feature' | 'tenant' | 'order' | 'author'>): Promise<MoveOrder | undefined>;
  /** Open ones oldest first, then the `limit` that ended last. */
  orders(limit: number): Promise<readonly MoveOrder[]>;
  findOrder(id: number): Promise<MoveOrder | undefined>;
}

/** How one of several instances asks whose a tenant's feature is. Undefined: it is not being moved, and its flag alone decides. */
export type OwnerOf = (tenant: TenantName | undefined, feature: FeatureName | undefined) => Side | undefined;
