import type pg from 'pg';
import {
  type FeatureName,
  type Mapping,
  type MappingRules,
  makeMapping,
  type Position,
  parsePosition,
  type TenantId,
} from '../vocabulary/index.ts';
import { ask } from './ask.ts';
import { Application, type LegacyChange } from './follow-application.ts';
import { FollowConnection } from './follow-connection.ts';
import { Forgetting } from './follow-forgetting.ts';
import { readFollowedTables } from './follow-tables.ts';
import type { Moments } from './moments.ts';

/**
 * Carries legacy's rows into the store, each of its transactions whole and together with how far it has come. Used by move, by one
 * follower at a time: the slot's row is locked while a transaction is applied. All throw StoreUnavailable.
 */
export interface FollowStore {
  /** How far legacy is in the store; undefined where nobody has prepared this slot. */
  position(slot: string): Promise<Position | undefined>;
  /** By which names the slot's rows come and go. */
  mapping(slot: string): Promise<FollowMapping>;
  /**
   * Begins one transaction of the store; undefined where nobody has prepared this slot. `one_by_one` for what did not fit at the first
   * try: each row by a statement of its own, in legacy's order. `tenant` is likely to be the first.
   */
  begin(
    slot: string,
    manner: FollowManner,
    tenant: TenantId | undefined,
  ): Promise<FollowTransaction | undefined>;
  /** Legacy no longer owns the first of these tables alone that it still does; answers which one that was. Never one of the new side's. */
  part(tenant: TenantId, candidates: readonly string[]): Promise<string | undefined>;
  /** Holds the store's present state for rehearsals, for some seconds; answers which it is, or undefined where it cannot. */
  hold(slot: string): Promise<Position | undefined>;
  /** Drops what the journal holds up to this position. Between transactions only. */
  forget(slot: string, upTo: Position): Promise<void>;
  close(): Promise<void>;
}

/** `returned`: the transaction carries the new side's rows back, and whatever it changes of them is no stranger's. */
export type ChangeOrigin = 'legacy' | 'returned';

/** What was left out: tables for being apart, and how many changes for being somebody's who does not own the rows; those are noted. */
export type Applied = Readonly<{ apart: readonly string[]; strangers: readonly StrangersWrites[] }>;

export type StrangersWrites = Readonly<{ feature: FeatureName; table: string; rows: number }>;

export type FollowManner = 'together' | 'one_by_one';

/** The mapping in force, and how often it was laid down. */
export type FollowMapping = Readonly<{ mapping: Mapping; revision: number }>;

/** One transaction of the store, for one or more of legacy's. */
export interface FollowTransaction {
  /** Already in the store. */
  readonly position: Position;
  /** Of the mapping that is in force: changes that were read by another one have other names. */
  readonly mappingRevision: number;
  /**
   * Applies some changes of one of legacy's transactions. Tables that the store does not have, that are apart, that the new side owns,
   * and tenants that do not follow (yet) are left out. Throws RowConflict where the rows are not as legacy's were.
   */
  apply(
    position: Position,
    tenant: TenantId,
    changes: readonly LegacyChange[],
    origin: ChangeOrigin,
  ): Promise<Applied>;
  /** Everything up to this position is in the store from now on. Throws RowConflict, too: foreign keys are checked here. */
  commit(position: Position): Promise<void>;
  undo(): Promise<void>;
}

export function openFollowStore(url: string, control: pg.Pool, moments: Moments): FollowStore {
  const connection = new FollowConnection(url, control);
  const forgetting = new Forgetting(connection, control);
  let tables: ReturnType<typeof readFollowedTables> | undefined;
  return {
    position: async (slot) => {
      const [row] = await ask<{ position: string }>(
        control,
        'SELECT position::text FROM banyan.follow_position WHERE slot = $1',
        [slot],
      );
      return row && parsePosition(row.position);
    },
    mapping: (slot) => readMapping(control, slot),
    begin: async (slot, manner, tenant) => {
      tables ??= readFollowedTables(control);
      const known = await tables.catch((error: unknown) => {
        tables = undefined;
        throw error;
      });
      const begun = await connection.begin(slot, tenant);
      if (begun === undefined) return undefined;
      const { position, mappingRevision, fence } = begun;
      const first = tenant === undefined ? undefined : { tenant, fence };
      const noted = (one: TenantId, at: Position) => forgetting.note(one, at);
      return new Application({
        connection,
        slot,
        position,
        mappingRevision,
        tables: known,
        manner,
        first,
        noted,
      });
    },
    part: (tenant, candidates) => partFirst(connection, tenant, candidates),
    hold: (slot) => moments.hold(slot),
    forget: (slot, upTo) => forgetting.forget(slot, upTo),
    close: () => connection.close(),
  };
}

async function readMapping(control: pg.Pool, slot: string): Promise<FollowMapping> {
  const [row] = await ask<{ mapping: MappingRules; mapping_revision: number }>(
    control,
    'SELECT mapping, mapping_revision FROM banyan.follow_position WHERE slot = $1',
    [slot],
  );
  return { mapping: makeMapping(row?.mapping ?? {}), revision: row?.mapping_revision ?? 0 };
}

async function partFirst(
  connection: FollowConnection,
  tenant: TenantId,
  candidates: readonly string[],
): Promise<string | undefined> {
  return connection.inside(tenant, async () => {
    for (const table of candidates) {
      const { rowCount } = await connection.query(
        `INSERT INTO banyan.row_standing (tenant_id, table_name) SELECT $1::int, $2::text WHERE NOT EXISTS (
           SELECT FROM banyan.tenure t JOIN banyan.move m USING (feature) WHERE t.tenant = $1 AND t.owner = 'new' AND $2 = ANY (m.tables))
         ON CONFLICT DO NOTHING`,
        [tenant, table],
      );
      if (rowCount === 1) return table;
    }
    return undefined;
  });
}
