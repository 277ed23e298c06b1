import type { Mapping } from '../../vocabulary/index.ts';
import type { Pace } from './copy-run.ts';
import type { MomentPorts } from './large-tenant.ts';

export type CopyWish = Readonly<{
  legacyUrl: string;
  ownerUrl: string;
  /** So many tenants at the same time; default 3. */
  atOnce?: number;
  /** The tenants follow this slot afterwards. Without it each is read at a moment of its own, and what legacy writes later does not come. */
  follow?: FollowPorts;
  /** By which names legacy's tables and columns are read; default: equal ones. */
  mapping?: Mapping;
  pace?: Pace;
  /** What one transaction of the store takes; a tenant that is no larger on legacy's disk is copied in one. Default 4 MB. */
  chunkBytes?: number;
  /** Stops between two chunks; what is whole stays, and the next run goes on. */
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}>;

export type FollowPorts = MomentPorts & Readonly<{ slot: string }>;

export type CopyFailure = Readonly<{ tenant: string; detail: string }>;

/** `bytes`: of legacy's disk, so that a large tenant counts for more. */
export type CopyProgress = Readonly<{
  tenants: Readonly<{ done: number; failed: number; all: number }>;
  rows: number;
  bytes: Readonly<{ done: number; all: number }>;
  /** Whose rows are on their way. */
  now: readonly string[];
  failures: readonly CopyFailure[];
  /** Who has just ended; of nobody else this is news. */
  ended: Readonly<{ tenant: string; rows: number }> | CopyFailure | undefined;
}>;

export type Copied = Readonly<{
  tenants: number;
  rows: number;
  failed: readonly CopyFailure[];
  ended: 'whole' | 'stopped';
}>;
