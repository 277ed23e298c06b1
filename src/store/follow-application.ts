import pg from 'pg';
import { type Position, parsePosition, printPosition, type TenantId } from '../vocabulary/index.ts';
import { codeOf, type StoreUnavailable } from './errors.ts';
import type { FollowManner, FollowTransaction } from './follow.ts';
import type { FollowConnection } from './follow-connection.ts';
import { groupChanges, type RowGroup } from './follow-groups.ts';
import { deleteRows, emptyTable, type FollowedTable, insertRows, updateRows } from './follow-statements.ts';

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

type Fence = Readonly<{ from: Position; apart: ReadonlySet<string> }>;

type Parts = Readonly<{
  connection: FollowConnection;
  slot: string;
  position: Position;
  tables: ReadonlyMap<string, FollowedTable>;
  manner: FollowManner;
  /** Told of each tenant whose rows have changed. */
  noted: (tenant: TenantId, position: Position) => void;
}>;

export class Application implements FollowTransaction {
  readonly position: Position;
  readonly #parts: Parts;
  readonly #fences = new Map<TenantId, Fence | undefined>();
  /** What was touched: by tenant, each table with the highest id put in. */
  readonly #touched = new Map<TenantId, Map<string, number>>();
  #inside: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.position = parts.position;
  }

  async apply(
    position: Position,
    tenant: TenantId,
    changes: readonly LegacyChange[],
  ): Promise<readonly string[]> {
    const fence = await this.#enter(tenant, position);
    if (fence === undefined || position <= fence.from) return [];
    const { tables, manner, noted } = this.#parts;
    const wanted = changes.filter(({ table }) => tables.has(table) && !fence.apart.has(table));
    for (const group of groupChanges(wanted, tables, manner)) await this.#applyGroup(tenant, group);
    if (wanted.length > 0) noted(tenant, position);
    return wanted.length === changes.length ? [] : [...fence.apart];
  }

  async commit(position: Position): Promise<void> {
    const counters = [...this.#touched].flatMap(([tenant, tables]) => advanceCounters(tenant, tables));
    const here = `UPDATE banyan.follow_position SET position = '${printPosition(position)}' WHERE slot = ${pg.escapeLiteral(this.#parts.slot)}`;
    try {
      await this.#parts.connection.run([...counters, here, 'COMMIT'].join('; '));
    } catch (error) {
      throw isMisfit(error) ? await this.#describeLate(error) : error;
    }
  }

  undo(): Promise<void> {
    return this.#parts.connection.undo();
  }

  /** Sets tenant and note, and looks whether the tenant follows: once per transaction, since its own writes can end it at any time. */
  async #enter(tenant: TenantId, position: Position): Promise<Fence | undefined> {
    const inside = `${tenant}@${position}`;
    const note = `SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true), set_config('banyan.note', 'follow:${printPosition(position)}', true)`;
    if (!this.#fences.has(tenant)) {
      const answers = await this.#parts.connection.run(`${note};
        SELECT from_position::text AS "from", ARRAY(SELECT table_name FROM banyan.row_standing WHERE tenant_id = f.tenant_id) AS apart
        FROM banyan.followed_tenant f WHERE tenant_id = ${Number(tenant)} AND slot = ${pg.escapeLiteral(this.#parts.slot)}`);
      const row = answers[1]?.rows[0] as { from: string; apart: string[] } | undefined;
      const from = row && parsePosition(row.from);
      this.#fences.set(tenant, row && from !== undefined ? { from, apart: new Set(row.apart) } : undefined);
    } else if (this.#inside !== inside) await this.#parts.connection.run(note);
    this.#inside = inside;
    return this.#fences.get(tenant);
  }

  async #applyGroup(tenant: TenantId, group: RowGroup): Promise<void> {
    const { table } = group;
    this.#touch(tenant, table.name, group.highestId);
    const { rowCount } = await this.#parts.connection
      .query(statementFor(group), [tenant, ...group.lists])
      .catch((error: unknown) => {
        throw isMisfit(error) ? new RowConflict([tenant], this.#blame(tenant, [table.name]), error) : error;
      });
    // Legacy had the row. A missing one to delete is as it should be: a foreign key's cascade was faster.
    if (group.change === 'update' && rowCount !== group.size)
      throw new RowConflict([tenant], this.#blame(tenant, [table.name]));
  }

  #touch(tenant: TenantId, table: string, id: number): void {
    const tables = this.#touched.get(tenant) ?? new Map<string, number>();
    this.#touched.set(tenant, tables.set(table, Math.max(id, tables.get(table) ?? 0)));
  }

  /** The likeliest first, and then everything that was touched: one of them it must be. */
  #blame(tenant: TenantId, tables: readonly string[]): readonly string[] {
    return [...new Set([...tables, ...(this.#touched.get(tenant)?.keys() ?? [])])];
  }

  /** A foreign key checked at the end. Whose row it was PostgreSQL does not say of fenced tables, so every tenant of the transaction is named. */
  async #describeLate(error: unknown): Promise<RowConflict | StoreUnavailable> {
    const { rows } = await this.#parts.connection
      .query(
        `SELECT DISTINCT COALESCE(pg_partition_root(conrelid), conrelid)::regclass::text AS child,
           COALESCE(pg_partition_root(confrelid), confrelid)::regclass::text AS parent
         FROM pg_constraint WHERE contype = 'f' AND conname = $1`,
        [error instanceof pg.DatabaseError ? error.constraint : undefined],
      )
      .catch(() => ({ rows: [] }));
    const tenants = [...this.#touched.keys()];
    const named = (rows as { child: string; parent: string }[]).flatMap(({ child, parent }) => [
      child,
      parent,
    ]);
    const known = named.filter((table) => this.#parts.tables.has(table));
    return new RowConflict(
      tenants,
      [...new Set(tenants.flatMap((tenant) => this.#blame(tenant, known)))],
      error,
    );
  }
}

function statementFor(group: RowGroup): string {
  switch (group.change) {
    case 'insert':
      return insertRows(group.table, group.columns);
    case 'update':
      return updateRows(group.table, group.columns);
    case 'delete':
      return deleteRows(group.table);
    case 'truncate':
      return emptyTable(group.table);
  }
}

/** Ids go on where legacy's stand. */
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
