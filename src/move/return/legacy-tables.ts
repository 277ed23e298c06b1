import type pg from 'pg';
import { EQUAL_NAMES, type Mapping } from '../../vocabulary/index.ts';

export type LegacyColumn = Readonly<{
  /** Legacy's. */
  name: string;
  /** As PostgreSQL spells it, lengths included and never dependent on a search path. */
  type: string;
  /** GENERATED ALWAYS AS IDENTITY: can be given, and not changed. */
  isAlwaysIdentity: boolean;
  /** json or jsonb: what a row's JSON says of its null may be JSON's own. `never_null`: it always is. */
  json: 'never_null' | 'nullable' | undefined;
}>;

/** A table of a tenant's schema, with the columns that can be written. Both by the new side's names. */
export type LegacyTable = Readonly<{
  name: string;
  /** Schema and name, quoted for SQL. */
  place: string;
  columns: ReadonlyMap<string, LegacyColumn>;
}>;

type Row = Readonly<{
  table: string;
  place: string;
  name: string;
  type: string;
  always: boolean;
  json: 'never_null' | 'nullable' | null;
}>;

/** Read for each batch: legacy's tables may change at any time, and a column that it gains must not be left out. */
export async function readLegacyTables(
  legacy: pg.ClientBase,
  schema: string,
  tables: readonly string[],
  mapping: Mapping = EQUAL_NAMES,
): Promise<ReadonlyMap<string, LegacyTable>> {
  const { rows } = await legacy.query<Row>({
    name: 'banyan_return_tables',
    text: `SELECT c.relname::text AS table, format('%I.%I', n.nspname, c.relname) AS place, a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type, a.attidentity = 'a' AS always,
       CASE WHEN a.atttypid IN ('json'::regtype, 'jsonb'::regtype) THEN CASE WHEN a.attnotnull THEN 'never_null' ELSE 'nullable' END END AS json
     FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE n.nspname = $1 AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p', 'f')
       AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY c.relname, a.attnum`,
    values: [schema, tables.flatMap((table) => mapping.toLegacyTable(table) ?? [])],
  });
  const found = Map.groupBy(rows, ({ table }) => table);
  return new Map(
    [...found].flatMap(([legacyTable, columns]) => {
      const name = mapping.toNewTable(legacyTable);
      return name === undefined ? [] : [[name, asTable(name, columns, mapping)]];
    }),
  );
}

function asTable(table: string, columns: readonly Row[], mapping: Mapping): LegacyTable {
  const named = columns.flatMap(({ name, type, always, json }) => {
    const column = mapping.toNewColumn(table, name);
    const told = { name, type, isAlwaysIdentity: always, json: json ?? undefined };
    return column === undefined ? [] : [[column, told] as const];
  });
  return { name: table, place: columns[0]?.place ?? '', columns: new Map(named) };
}
