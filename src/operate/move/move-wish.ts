import type { FlipRecord, MoveLimitWish, MoveOrder, TenantName } from '../../vocabulary/index.ts';

export const MOVE_COMMANDS = [
  'start',
  'pause',
  'resume',
  'retire',
  'hand_over',
  'hand_back',
  'verify',
  'rehearse',
  'retry',
  'limits',
] as const;
export type MoveCommand = (typeof MOVE_COMMANDS)[number];

export type MoveWish = Readonly<{
  order: MoveCommand;
  /** As it was typed. */
  feature: string;
  /** For orders that concern tenants. */
  whom: 'all' | readonly TenantName[];
  author: string;
  reason: string | undefined;
  /** For retire: the feature's name once more. */
  confirm: string | undefined;
  /** For start, resume, limits, and hand_over of all. */
  limits?: MoveLimitWish | undefined;
  /** For retire. */
  kept?: KeptExport | 'none' | undefined;
}>;

/** A verified export of every tenant: where, and the SHA-256 of its manifest. */
export type KeptExport = Readonly<{ directory: string; tenants: number; sha256: string }>;

export type MoveDone = Readonly<{
  changed: boolean;
  /** What was done, and what is left to do, one sentence each. */
  story: readonly string[];
  /** Names of live instances that have not confirmed what was changed; empty where nothing had to be. */
  unconfirmed: readonly string[];
  /** What the table had to say first. */
  flip: FlipRecord | undefined;
  /** Open ones: the mover carries them out. */
  orders: readonly MoveOrder[];
  /** Tenants for which all was so already. */
  settled: readonly TenantName[];
}>;

export const DONE: MoveDone = Object.freeze({
  changed: true,
  story: [],
  unconfirmed: [],
  flip: undefined,
  orders: [],
  settled: [],
});
