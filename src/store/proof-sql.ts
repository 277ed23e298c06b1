import pg from 'pg';

/** A table as both sides have it: only what both have can be compared. */
export type ProvenTable = Readonly<{
  name: string;
  /** The primary key without the tenant, in its order. */
  keys: readonly string[];
  /** By name, sorted: each side has an order of its own. */
  columns: readonly string[];
  /** Those that are bytea on both sides. */
  bytes: ReadonlySet<string>;
}>;

/** Where a side keeps the rows: a schema of its own, or among others' behind the tenant's fence. */
export type ProofPlace = Readonly<{
  schema: string;
  tenant?: number;
  /** SQL of `t`: only these rows. */
  only?: string;
}>;

/** How many slices a table is cut into, by the first bits of each row's hash. Keys cannot do that: they sort as each database's collation wants. */
export const SLICES = 1_024;
const SLICE = `(get_byte(r.hash, 0) * ${SLICES / 256} + get_byte(r.hash, 1) / ${(256 * 256) / SLICES})`;

/**
 * What decides how PostgreSQL prints a value, and what would make the printing dear: no value's text may hang on a role's or a database's
 * own settings. One core a side, and no statement waits for a lock for longer than writers may be held.
 */
const SETTINGS = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  xmloption: 'content',
  search_path: 'pg_catalog',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  statement_timeout: '15min',
  lock_timeout: '1500ms',
  idle_in_transaction_session_timeout: '15min',
} as const;

/** One moment, read only. Answers the connection's process in its last result. */
export function beginReading({ tenant }: ProofPlace): string {
  const fence = tenant === undefined ? {} : { 'banyan.tenant_id': String(Number(tenant)) };
  const settings = Object.entries({ ...SETTINGS, ...fence }).map(
    ([name, value]) => `set_config('${name}', '${value}', true)`,
  );
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT ${settings.join(', ')}; SELECT pg_backend_pid() AS pid`;
}

export function selectColumns({ schema }: ProofPlace, tables: readonly string[]): string {
  const names = tables.map(pg.escapeLiteral).join(', ');
  return `SELECT w.name AS "table", a.attname::text AS name, y.typname::text AS type, k.nr IS NOT NULL AS "isKey"
    FROM unnest(ARRAY[${names}]::text[]) AS w (name)
    JOIN pg_attribute a ON a.attrelid = to_regclass(format('%I.%I', ${pg.escapeLiteral(schema)}, w.name)) AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type y ON y.oid = a.atttypid
    LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    LEFT JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, nr) ON k.attnum = a.attnum
    ORDER BY w.name, k.nr, a.attname`;
}

/** One hash for all rows of a slice. */
export function selectSlices(place: ProofPlace, table: ProvenTable): string {
  return `SELECT slice, count(*)::float8 AS rows, encode(sha256(string_agg(hash, '' ORDER BY hash)), 'hex') AS hash
    FROM (SELECT ${SLICE} AS slice, r.hash FROM ${source(place, table, hashRow(table), 'r')} OFFSET 0) s GROUP BY slice`;
}

/** Row by row, in an order that both sides share. */
export function selectRows(place: ProofPlace, table: ProvenTable, slices: readonly number[]): string {
  return `SELECT encode(key, 'hex') AS key, encode(hash, 'hex') AS row
    FROM (SELECT ${hashKey(table)} AS key, r.hash FROM ${source(place, table, hashRow(table), 'r')}
      AND ${SLICE} = ANY ('{${slices.map(Number).join(',')}}'::int[]) OFFSET 0) s ORDER BY s.key, s.hash`;
}

/** The rows of some slices: `FROM …`, with the row as `t`. */
export function fromSlices(place: ProofPlace, table: ProvenTable, slices: readonly number[]): string {
  return `FROM ${source(place, table, hashRow(table), 'r')} AND ${SLICE} = ANY ('{${slices.map(Number).join(',')}}'::int[])`;
}

/** Column by column: the key itself, and of every other value its hash. */
export function selectCells(place: ProofPlace, table: ProvenTable, keys: readonly string[]): string {
  const shown = table.keys.map((key) => `${column(key)} AS ${pg.escapeIdentifier(key)}`).join(', ');
  const cells = table.columns.map((name) => `encode(${hash([cell(table, name)])}, 'hex')`);
  return `SELECT encode(k.hash, 'hex') AS key, (SELECT row_to_json(s) FROM (SELECT ${shown}) s)::text AS shown, ARRAY[${cells.join(', ')}] AS cells
    FROM ${source(place, table, hashKey(table), 'k')} AND k.hash = ANY (ARRAY[${keys.map((key) => `'\\x${key}'`).join(', ')}]::bytea[])`;
}

// OFFSET 0 keeps the planner from computing the hash anew wherever it is named.
function source(
  { schema, tenant, only = 'true' }: ProofPlace,
  table: ProvenTable,
  hash: string,
  named: 'k' | 'r',
): string {
  const place = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table.name)}`;
  const fence = tenant === undefined ? 'true' : `t.tenant_id = ${Number(tenant)}`;
  return `${place} t CROSS JOIN LATERAL (SELECT ${hash} AS hash OFFSET 0) ${named} WHERE ${fence} AND ${only}`;
}

const hashKey = (table: ProvenTable): string => hash(table.keys.map(column));
const hashRow = (table: ProvenTable): string => hash(table.columns.map((name) => cell(table, name)));

// A row's text tells NULL from '' and 'NULL', and keeps the spaces that a cast of char(n) to text would take away.
const hash = (values: readonly string[]): string =>
  `sha256(convert_to(ROW(${values.join(', ')})::text, 'UTF8'))`;

// Bytes as they are: 400 chunks of 128 KB were hashed in 67 ms so, and by their text in 1,640 ms.
const cell = ({ bytes }: ProvenTable, name: string): string =>
  bytes.has(name) ? `sha256(${column(name)})` : column(name);

const column = (name: string): string => `t.${pg.escapeIdentifier(name)}`;
