import type { FeatureName, TenantId } from './ids.ts';
import type { MoveOrder } from './tenure.ts';

/** What there is to see of one tenant's rows of a feature that is being moved. */
export type MoveStanding = Readonly<{
  tenant: TenantId;
  feature: FeatureName;
  /** What the new side wrote and legacy does not have yet; how long the oldest of it has waited. */
  waiting: Readonly<{ lines: number; oldestMs: number }>;
  /** Writes on legacy to rows that the new side owns, which nobody of ours made. */
  strangers: number;
}>;

/** A tenant whose rows cannot be handed over: `tables` are apart from legacy's; none where it does not follow at all. */
export type ApartTenant = Readonly<{ tenant: TenantId; tables: readonly string[] }>;

/** `failed`: it could not be proven. */
export type ProofState = 'equal' | 'different' | 'failed';
export const PROOF_STATES = ['equal', 'different', 'failed'] as const satisfies readonly ProofState[];

/** How the last look at one tenant's rows of a feature, on both sides, has ended. */
export type ProofRecord = Readonly<{
  tenant: TenantId;
  feature: FeatureName;
  checkedAt: Date;
  state: ProofState;
  /** How many there are, on the side that has more. */
  rows: number | undefined;
  /** A sentence: tables, keys and columns, never a value. */
  detail: string;
}>;

/** How far the fleet of a move is. */
export type MoveWave = Readonly<{
  feature: FeatureName;
  /** The wave under way, or the last one; 0 before the first has begun. */
  wave: number;
  /** Tenants of this wave, and how they stand. */
  tenants: number;
  running: number;
  done: number;
  failed: number;
  /** Tenants whose wave has not come yet, and those of this fleet whose turn is over. */
  later: number;
  ended: number;
}>;

/** How moves stand, for people and metrics. Implemented by store. */
export interface MoveLook {
  /** Of each tenant and move of which there is something to tell. */
  standings(): Promise<readonly MoveStanding[]>;
  apart(tables: readonly string[]): Promise<readonly ApartTenant[]>;
  /** The last order of each tenant and move; if one is open, it is that. Oldest first. */
  lastOrders(): Promise<readonly MoveOrder[]>;
  /** The last proof of each tenant and move of which there is one. */
  proofs(): Promise<readonly ProofRecord[]>;
  /** Of each move. */
  waves(): Promise<readonly MoveWave[]>;
}
