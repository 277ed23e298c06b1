import pg from 'pg';
import type { TenantId } from '../../vocabulary/index.ts';
import type { ProvenTable } from '../proof-sql.ts';
import { readTenantTables, type TenantTable } from '../tenant-tables.ts';

/** A table of the store that is filled from legacy's of the same name. */
export type CopiedTable = Pick<TenantTable, 'place' | 'name'> &
  Readonly<{
    /** Without the tenant, quoted, in the table's order. */
    columns: readonly string[];
    /** The primary key without the tenant, quoted, in its order. */
    keys: readonly string[];
    /** Whether rows of it refer to others of it: then it arrives whole or not at all. */
    isCircle: boolean;
    proven: ProvenTable;
  }>;

type Row = Readonly<{ place: string; keys: string[]; bytes: string[]; isCircle: boolean }>;

/** Those that others refer to first. */
export async function readCopiedTables(client: pg.ClientBase): Promise<readonly CopiedTable[]> {
  const tables = await readTenantTables(client);
  const { rows } = await client.query<Row>(
    `SELECT place, ARRAY(SELECT a.attname::text FROM pg_index i CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, nr)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE i.indrelid = place::regclass AND i.indisprimary AND a.attname <> 'tenant_id' ORDER BY k.nr) AS keys,
       ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = place::regclass AND attnum > 0 AND NOT attisdropped
         AND atttypid = 'bytea'::regtype) AS bytes,
       EXISTS (SELECT FROM pg_constraint WHERE conrelid = place::regclass AND confrelid = conrelid AND conparentid = 0) AS "isCircle"
     FROM unnest($1::text[]) AS place`,
    [tables.map(({ place }) => place)],
  );
  const known = new Map(rows.map((row) => [row.place, row]));
  return tables.map((table) => finish(table, known.get(table.place)));
}

function finish({ place, name, columns }: TenantTable, row: Row | undefined): CopiedTable {
  const own = columns.filter((column) => column !== 'tenant_id');
  const { keys = [], bytes = [], isCircle = true } = row ?? {};
  return {
    place,
    name,
    columns: own.map(pg.escapeIdentifier),
    keys: keys.map(pg.escapeIdentifier),
    isCircle,
    proven: { name, keys, columns: own.toSorted(), bytes: new Set(bytes), numbers: new Set() },
  };
}

const prepared = new WeakSet<pg.ClientBase>();

/** COPY cannot put rows behind a fence (PostgreSQL refuses it where there is row-level security), so they are put beside it first. */
export async function makePlaces(client: pg.ClientBase, tables: readonly CopiedTable[]): Promise<void> {
  if (prepared.has(client)) return;
  const made = tables.map((table) => `CREATE TEMP TABLE ${placeBeside(table)} (LIKE ${table.place})`);
  await client.query(made.join('; '));
  prepared.add(client);
}

/** Dear, some milliseconds a table, whether it is said here or at the end of each transaction (`ON COMMIT DELETE ROWS`). */
export const emptyPlaces = (tables: readonly CopiedTable[]): string =>
  `TRUNCATE ${tables.map(placeBeside).join(', ')}`;

export const placeBeside = ({ name }: Pick<CopiedTable, 'name'>): string =>
  `pg_temp.${pg.escapeIdentifier(`beside_${name}`)}`;

/** Puts the rows of legacy's `COPY` beside the table; the message's next rows are these. */
export const fillBeside = (table: CopiedTable): string =>
  `COPY ${placeBeside(table)} (tenant_id, ${table.columns.join(', ')}) FROM STDIN`;

/** Of what lies beside the table, this tenant's. */
export function moveInside(table: CopiedTable, tenant: TenantId): string {
  const list = `tenant_id, ${table.columns.join(', ')}`;
  return `INSERT INTO ${table.place} (${list}) SELECT ${list} FROM ${placeBeside(table)} WHERE tenant_id = ${Number(tenant)}`;
}
