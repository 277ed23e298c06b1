import type { Branded, TenantName } from './ids.ts';

/** A place in legacy's write-ahead log (PostgreSQL's LSN), as a number: later is larger. */
export type Position = Branded<bigint, 'Position'>;

/** `16/B374D848`, as PostgreSQL writes an LSN (https://www.postgresql.org/docs/18/datatype-pg-lsn.html). */
export function parsePosition(text: string): Position | undefined {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? [];
  if (high === undefined || low === undefined) return undefined;
  return ((BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)) as Position;
}

export function printPosition(position: Position): string {
  return `${(position >> 32n).toString(16)}/${(position & 0xffffffffn).toString(16)}`.toUpperCase();
}

/** What one statement did to one row of a tenant. */
export type RowChange = Readonly<{
  table: string;
  change: 'insert' | 'update' | 'delete';
  /** The row's primary key without its tenant, as JSON text with its columns in key order: `{"id":41}`. */
  key: string;
  /**
   * The row afterwards (before, for a delete) as JSON text, without `tenant_id`. Numbers as PostgreSQL writes them, times as
   * `2026-01-05T09:30:00.123456+00:00`, bytes as `{"bytes":<length>,"sha256":"<hex>"}`.
   */
  row: string;
}>;

/** One transaction of legacy, as far as it touched one tenant's rows. */
export type LegacyTransaction = Readonly<{
  /** Where it was committed. */
  position: Position;
  rows: readonly RowChange[];
}>;

/** Whether the new store's rows of a tenant come from legacy and follow it. */
export type RowStanding =
  | 'followed'
  /** Nobody carries legacy's writes over. */
  | 'not_followed'
  /** They did, until the new side wrote rows of its own, or came to own them. */
  | 'apart';

/**
 * The state of a tenant's rows in which a rehearsal runs: as they were right after everything that legacy had committed up to and
 * including `position`.
 */
export type RowState = Readonly<{
  position: Position;
  /** By table, the id that legacy gave out next: a rehearsal gives out the same. */
  nextIds: Readonly<Record<string, number>>;
}>;

/** Follows legacy's rows into the new store. Implemented by move. */
export interface RowFollower {
  /** What legacy had committed, as known here, at that moment (ms since the epoch); undefined before anything was heard. */
  heardBy(atMs: number): Position | undefined;
  /**
   * Marks legacy's log now and resolves with the mark once everything that legacy committed before is in the store. Many waiting
   * at once share a mark. Rejects with the signal's reason.
   */
  catchUp(signal: AbortSignal): Promise<Position>;
}

/** What the store knows of legacy's changes to a tenant's rows; a few minutes back. Implemented by store. */
export interface RowJournal {
  /** `tables` empty asks for all of them. */
  standing(tenant: TenantName, tables: readonly string[]): Promise<RowStanding>;
  /** Transactions with `after` < position ≤ `upTo`, in the order of their commits. */
  between(tenant: TenantName, after: Position, upTo: Position): Promise<readonly LegacyTransaction[]>;
}
