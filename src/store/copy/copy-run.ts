import type pg from 'pg';
import { type Mapping, type Position, printPosition, type TenantId } from '../../vocabulary/index.ts';
import type { CopiedTable } from './copied-tables.ts';
import { setManners } from './legacy-moment.ts';

/** How fast it may go. */
export type Pace = Readonly<{
  /** So many rows were taken from legacy. */
  note(rows: number): void;
  /** How long to wait now, in ms: nobody else should be kept waiting meanwhile. */
  waitMs(): number;
  /** Resolves when it may go on. Rejects with the signal's reason. */
  rest(signal: AbortSignal): Promise<void>;
}>;

/** What all copies of a run share. */
export type CopyRun = Readonly<{
  legacy: pg.Pool;
  owner: pg.Pool;
  tables: readonly CopiedTable[];
  /** By which names legacy's tables and columns are read. */
  mapping: Mapping;
  pace: Pace;
  signal: AbortSignal;
  /** What one transaction of the store takes, as text. */
  chunkBytes: number;
  /** The slot that the tenants follow afterwards; undefined where they do not. */
  slot: string | undefined;
  /** So many rows, and about so many bytes of legacy's disk, have arrived. */
  onRows: (rows: number, bytes: number) => void;
}>;

/** A moment of legacy: its snapshot and its place in the log; neither where nobody follows. */
export type CopyMoment = Readonly<{
  snapshot: string | undefined;
  from: Position | undefined;
  close(): Promise<void>;
}>;

/**
 * Begins a transaction of the store inside the tenant's fence. By generic plans: a foreign-key check for each of many rows is planned once,
 * at the price of locking all buckets meanwhile. They are made while the tables are still empty, when a sequential scan looks cheapest,
 * and kept while they grow: hence none of those.
 */
export function beginInside(tenant: TenantId): string {
  return `BEGIN; ${setManners({
    plan_cache_mode: 'force_generic_plan',
    enable_seqscan: 'off',
    'banyan.tenant_id': String(Number(tenant)),
    'banyan.note': 'copy',
  })}`;
}

/** Undoes what is open, if the connection still hears; the error is told on. */
export async function undo(client: pg.ClientBase): Promise<void> {
  await client.query('ROLLBACK').catch(() => undefined);
}

export async function withClient<T>(pool: pg.Pool, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let isWhole = false;
  try {
    const result = await work(client);
    isWhole = true;
    return result;
  } catch (error) {
    // Where a statement was refused the connection is as good as before: its transaction was undone.
    isWhole =
      typeof error === 'object' && error !== null && 'severity' in error && error.severity === 'ERROR';
    throw error;
  } finally {
    client.release(!isWhole);
  }
}

/**
 * Notes that the tenant follows from this place on, as the last thing before the transaction ends. The follower's own line is locked by
 * it: where it has come further already, what it has passed by would be missing. Answers false then, and nothing is noted.
 */
export async function beginToFollow(
  client: pg.ClientBase,
  tenant: TenantId,
  slot: string | undefined,
  from: Position | undefined,
): Promise<boolean> {
  if (slot === undefined || from === undefined) return true;
  const { rowCount } = await client.query(
    `INSERT INTO banyan.followed_tenant (tenant_id, slot, from_position)
     SELECT $1, p.slot, $3::pg_lsn FROM (
       SELECT slot FROM banyan.follow_position WHERE slot = $2 AND position <= $3::pg_lsn FOR SHARE) p`,
    [tenant, slot, printPosition(from)],
  );
  return rowCount === 1;
}

export async function writeCounters(
  client: pg.ClientBase,
  tenant: TenantId,
  ids: string,
  tables: readonly CopiedTable[],
): Promise<void> {
  await client.query(
    `INSERT INTO banyan.id_counter AS c (tenant_id, table_name, last_id)
     SELECT $1, key, value::int FROM json_each_text($2) WHERE key = ANY ($3)
     ON CONFLICT (tenant_id, table_name) DO UPDATE SET last_id = EXCLUDED.last_id WHERE c.last_id < EXCLUDED.last_id`,
    [tenant, ids, tables.map(({ name }) => name)],
  );
}
