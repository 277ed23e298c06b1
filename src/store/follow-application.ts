import pg from 'pg';
import { type Position, printPosition, type TenantId } from '../vocabulary/index.ts';
import { codeOf } from './database-errors.ts';
import type { Applied, ChangeOrigin, FollowManner, FollowTransaction } from './follow.ts';
import type { Fence, FollowConnection } from './follow-connection.ts';
import { groupChanges, type RowGroup } from './follow-groups.ts';
import { writeStatement } from './follow-statements.ts';
import { countStrangers, isOwned, listStrangers, noteStrangers } from './follow-strangers.ts';
import type { FollowedTable } from './follow-tables.ts';

/** Values as PostgreSQL writes them, by column. */
export type LegacyValues = Readonly<Record<string, string | null>>;

/** What legacy did to one row of one table. */
export type LegacyChange = Readonly<{ table: string }> &
  (
    | Readonly<{ change: 'insert'; row: LegacyValues }>
    /** `old` where it names another row than `row` does; columns missing in `row` keep their values. */
    | Readonly<{ change: 'update'; old: LegacyValues | undefined; row: LegacyValues }>
    | Readonly<{ change: 'delete'; old: LegacyValues }>
    | Readonly<{ change: 'truncate' }>
  );

/** Rows are not as legacy's were when it changed them. The transaction is lost; `tables`: who is to blame, the likeliest first. */
export class RowConflict extends Error {
  override readonly name = 'RowConflict';
  readonly tenants: readonly TenantId[];
  readonly tables: readonly string[];
  constructor(tenants: readonly TenantId[], tables: readonly string[], cause?: unknown) {
    super(`A change of legacy does not fit the rows of ${tables[0] ?? 'the store'}.`, { cause });
    this.tenants = tenants;
    this.tables = tables;
  }
}

type Parts = Readonly<{
  connection: FollowConnection;
  slot: string;
  position: Position;
  mappingRevision: number;
  tables: ReadonlyMap<string, FollowedTable>;
  manner: FollowManner;
  /** Whether this tenant follows, as read when the transaction began. */
  first: Readonly<{ tenant: TenantId; fence: Fence | undefined }> | undefined;
  /** Told of each tenant whose rows have changed. */
  noted: (tenant: TenantId, position: Position) => void;
}>;

const NOTHING: Applied = { apart: [], strangers: [] };

/** A statement that waits to be sent; `rows` is how many must be there. */
type Pending = Readonly<{ sql: string; tenant: TenantId; table: string; rows: number | undefined }>;

const PENDING_CHARACTERS = 500_000;

/** One transaction of the store on the follower's connection. Statements are gathered, and sent many at once. */
export class Application implements FollowTransaction {
  readonly position: Position;
  readonly mappingRevision: number;
  readonly #parts: Parts;
  readonly #fences = new Map<TenantId, Fence | undefined>();
  /** What was touched: by tenant, each table with the highest id put in. */
  readonly #touched = new Map<TenantId, Map<string, number>>();
  #pending: (Pending | string)[] = [];
  #characters = 0;
  #inside: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.position = parts.position;
    this.mappingRevision = parts.mappingRevision;
    if (parts.first) this.#fences.set(parts.first.tenant, parts.first.fence);
  }

  async apply(
    position: Position,
    tenant: TenantId,
    changes: readonly LegacyChange[],
    origin: ChangeOrigin,
  ): Promise<Applied> {
    const fence = await this.#findFence(tenant);
    if (fence === undefined || position <= fence.from) return NOTHING;
    const { tables, manner, noted } = this.#parts;
    const legacys = changes.filter(({ table }) => !isOwned(fence, table, position));
    const wanted = legacys.filter(({ table }) => tables.has(table) && !fence.apart.has(table));
    this.#enter(tenant, position);
    const strangers = origin === 'returned' ? [] : listStrangers(changes, tables, fence, position);
    if (strangers.length > 0) this.#noteStrangers(position, tenant, fence, strangers);
    for (const group of groupChanges(wanted, tables, manner)) {
      this.#add(tenant, group);
      if (manner === 'one_by_one' || this.#characters > PENDING_CHARACTERS) await this.#flush();
    }
    if (wanted.length > 0) noted(tenant, position);
    return {
      apart: wanted.length === legacys.length ? [] : [...fence.apart],
      strangers: countStrangers(fence, strangers),
    };
  }

  #noteStrangers(position: Position, tenant: TenantId, fence: Fence, changes: readonly LegacyChange[]): void {
    const sql = noteStrangers(position, tenant, fence, changes, this.#parts.tables);
    this.#characters += sql.length;
    this.#pending.push(sql);
  }

  async commit(position: Position): Promise<void> {
    // Not together with the end: what is missing must be found before it.
    if (this.#pending.some((one) => typeof one !== 'string' && one.rows !== undefined)) await this.#flush();
    const counters = [...this.#touched].flatMap(([tenant, tables]) => advanceCounters(tenant, tables));
    const here = `UPDATE banyan.follow_position SET position = '${printPosition(position)}' WHERE slot = ${pg.escapeLiteral(this.#parts.slot)}`;
    try {
      await this.#flush(...counters, here, 'COMMIT');
    } catch (error) {
      throw error instanceof RowConflict ? await this.#describeLate(error) : error;
    }
  }

  undo(): Promise<void> {
    return this.#parts.connection.undo();
  }

  /** Looked at once per transaction, since the new side's own writes can end it at any time. */
  async #findFence(tenant: TenantId): Promise<Fence | undefined> {
    if (!this.#fences.has(tenant)) {
      this.#inside = undefined;
      this.#fences.set(tenant, await this.#parts.connection.enter(this.#parts.slot, tenant));
    }
    return this.#fences.get(tenant);
  }

  #enter(tenant: TenantId, position: Position): void {
    const inside = `${tenant} follow:${printPosition(position)}`;
    if (this.#inside === inside) return;
    this.#inside = inside;
    this.#pending.push(
      `SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true), set_config('banyan.note', 'follow:${printPosition(position)}', true)`,
    );
  }

  #add(tenant: TenantId, group: RowGroup): void {
    const table = group.table.name;
    const tables = this.#touched.get(tenant) ?? new Map<string, number>();
    this.#touched.set(tenant, tables.set(table, Math.max(group.highestId, tables.get(table) ?? 0)));
    const sql = writeStatement(tenant, group);
    this.#characters += sql.length;
    // Legacy had the row. A missing one to delete is as it should be: a foreign key's cascade was faster.
    const rows = group.change === 'update' ? group.rows.length : undefined;
    this.#pending.push({ sql, tenant, table, rows });
  }

  async #flush(...more: readonly string[]): Promise<void> {
    const pending = [...this.#pending, ...more];
    this.#pending = [];
    this.#characters = 0;
    if (pending.length === 0) return;
    const statements = pending.map((one) => (typeof one === 'string' ? one : one.sql));
    const answers = await this.#parts.connection.run(statements.join(';\n')).catch((error: unknown) => {
      throw isMisfit(error) ? this.#blame(pending, error) : error;
    });
    for (const [nr, one] of pending.entries()) {
      if (typeof one !== 'string' && one.rows !== undefined && answers[nr]?.rowCount !== one.rows)
        throw this.#blame([one]);
    }
  }

  /** Of several statements nobody knows which it was; one alone is to blame, or else what was touched before. */
  #blame(pending: readonly (Pending | string)[], cause?: unknown): RowConflict {
    const sent = pending.filter((one) => typeof one !== 'string');
    const [tenants, tables] = [sent.map(({ tenant }) => tenant), sent.map(({ table }) => table)];
    return this.#makeConflict(tenants.length > 0 ? tenants : [...this.#touched.keys()], tables, cause);
  }

  #makeConflict(tenants: readonly TenantId[], tables: readonly string[], cause: unknown): RowConflict {
    const touched = tenants.flatMap((tenant) => [...(this.#touched.get(tenant)?.keys() ?? [])]);
    return new RowConflict([...new Set(tenants)], [...new Set([...tables, ...touched])], cause);
  }

  /** A foreign key checked at the end. Whose row it was PostgreSQL does not say of fenced tables, so every tenant of the transaction is named. */
  async #describeLate(conflict: RowConflict): Promise<RowConflict> {
    const constraint = conflict.cause instanceof pg.DatabaseError ? conflict.cause.constraint : undefined;
    const { connection, tables } = this.#parts;
    const named = constraint === undefined ? [] : await connection.readForeignKey(constraint);
    return this.#makeConflict(
      conflict.tenants,
      [...named.filter((table) => tables.has(table)), ...conflict.tables],
      conflict.cause,
    );
  }
}

/** Ids go on after legacy's. */
function advanceCounters(tenant: TenantId, tables: ReadonlyMap<string, number>): readonly string[] {
  const values = [...tables]
    .filter(([, id]) => id > 0)
    .map(([table, id]) => `(${Number(tenant)}, ${pg.escapeLiteral(table)}, ${id})`);
  if (values.length === 0) return [];
  return [
    `SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true)`,
    `INSERT INTO banyan.id_counter AS c (tenant_id, table_name, last_id) VALUES ${values.join(', ')}
     ON CONFLICT (tenant_id, table_name) DO UPDATE SET last_id = EXCLUDED.last_id WHERE c.last_id < EXCLUDED.last_id`,
  ];
}

/** Class 22: a value that the column does not take. Class 23: a key, a foreign key, a NOT NULL, a CHECK. */
function isMisfit(error: unknown): boolean {
  return /^2[23]/.test(codeOf(error));
}
