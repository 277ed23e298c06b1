import pg from 'pg';
import type { Mapping } from '../vocabulary/index.ts';
import { PRINTING } from './printing.ts';

/** A table as both sides have it: only what both have can be compared. */
export type ProvenTable = Readonly<{
  name: string;
  /** The primary key without the tenant, in its order. */
  keys: readonly string[];
  /** By name, sorted: each side has an order of its own. */
  columns: readonly string[];
  /** Those that are bytea on both sides. */
  bytes: ReadonlySet<string>;
  /** Those of the key that are whole numbers on both sides. */
  numbers: ReadonlySet<string>;
}>;

/** When a side was read: what has changed there later its rows tell by themselves (`xmin`), unless the server is another one. */
export type ProofMoment = Readonly<{ xid: string; server: string }>;

/** Some rows of a table, by keys as JSON, whose columns are of these types on this side. */
export type ProofKeys = Readonly<{ keys: readonly string[]; types: ReadonlyMap<string, string> }>;

/**
 * Where a side keeps the rows: a schema of its own, or among others' behind the tenant's fence. Where names of its own differ, `mapping`
 * says how; everything else speaks the new side's.
 */
export type ProofPlace = Readonly<{
  schema: string;
  tenant?: number;
  mapping?: Mapping | undefined;
  /** SQL of `t`: only these rows. */
  only?: string;
}>;

/** How many slices a table is cut into, by the first bits of each row's hash. Keys cannot do that: they sort as each database's collation wants. */
export const SLICES = 1_024;
const SLICE = `(get_byte(r.hash, 0) * ${SLICES / 256} + get_byte(r.hash, 1) / ${(256 * 256) / SLICES})`;

/** Nothing may make the printing dear: one core a side, and no statement waits for a lock for longer than writers may be held. */
const SETTINGS = {
  ...PRINTING,
  search_path: 'pg_catalog',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  statement_timeout: '15min',
  lock_timeout: '1500ms',
  idle_in_transaction_session_timeout: '15min',
} as const;

// Every transaction below the snapshot's xmin has ended. The raw xid is what rows carry.
const MOMENT = `SELECT pg_backend_pid() AS pid, (txid_snapshot_xmin(txid_current_snapshot()) % 4294967296)::text AS xid,
  pg_postmaster_start_time()::text AS server`;

/** One moment, read only. Answers the connection's process and the moment in its last result. */
export function beginReading({ tenant }: ProofPlace): string {
  const fence = tenant === undefined ? {} : { 'banyan.tenant_id': String(Number(tenant)) };
  const settings = Object.entries({ ...SETTINGS, ...fence }).map(
    ([name, value]) => `set_config('${name}', '${value}', true)`,
  );
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT ${settings.join(', ')}; ${MOMENT}`;
}

/** By the side's own names. */
export function selectColumns({ schema, mapping }: ProofPlace, tables: readonly string[]): string {
  const own = mapping ? tables.flatMap((table) => mapping.toLegacyTable(table) ?? []) : tables;
  const names = own.map(pg.escapeLiteral).join(', ');
  return `SELECT w.name AS "table", a.attname::text AS name, y.typname::text AS type, k.nr IS NOT NULL AS "isKey", format_type(a.atttypid, -1) AS written,
      concat_ws(' ', a.attnum, a.xmin, (SELECT string_agg(e.enumlabel, ' ' ORDER BY e.oid) FROM pg_enum e WHERE e.enumtypid IN (y.oid, y.typelem))) AS form
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
export function selectCells(
  place: ProofPlace,
  table: ProvenTable,
  keys: readonly string[],
  among?: ProofKeys,
): string {
  const shown = table.keys.map((key) => `${column(key)} AS ${pg.escapeIdentifier(key)}`).join(', ');
  const cells = table.columns.map((name) => `encode(${hash([cell(table, name)])}, 'hex')`);
  return `SELECT encode(k.hash, 'hex') AS key, (SELECT row_to_json(s) FROM (SELECT ${shown}) s)::text AS shown, ARRAY[${cells.join(', ')}] AS cells
    FROM ${source(place, table, hashKey(table), 'k', among)} AND k.hash = ANY (ARRAY[${keys.map((key) => `'\\x${key}'`).join(', ')}]::bytea[])`;
}

/** How many rows there are, and a sum of their keys' hashes. */
export function selectTally(place: ProofPlace, table: ProvenTable): string {
  return `SELECT count(*)::float8 AS rows, COALESCE(sum(${sumKey(table)}), 0)::text AS keys FROM ${placeOf(place, table)} t WHERE ${fence(place)}`;
}

/**
 * The keys, as JSON, of rows that were written since a moment. A row's age is that of its transaction: whoever was not ended at the moment is
 * not older than its xmin. A frozen row keeps its xid, so that after a wrap some old ones count, too. Together with the tally this is slower
 * than one after the other.
 */
export function selectChanged(
  place: ProofPlace,
  table: ProvenTable,
  since: ProofMoment,
  limit: number,
): string {
  return `SELECT row_to_json(s)::text AS key FROM (SELECT ${table.keys.map(column).join(', ')}
    FROM ${placeOf(place, table)} t WHERE ${fence(place)} AND ${isChanged(since)} LIMIT ${Number(limit)}) s`;
}

/** Single rows, found by the primary key. */
export function selectNamed(place: ProofPlace, table: ProvenTable, among: ProofKeys): string {
  return `SELECT encode(${hashKey(table)}, 'hex') AS key, encode(r.hash, 'hex') AS row FROM ${source(place, table, hashRow(table), 'r', among)}`;
}

// As a subquery it is computed once.
const isChanged = ({ xid }: ProofMoment): string =>
  `age(t.xmin) BETWEEN 0 AND (SELECT age('${BigInt(xid)}'::xid))`;

// Quick ones. Where two servers should differ in them, rows are looked at one by one.
const sumKey = ({ keys, numbers }: ProvenTable): string =>
  keys.reduce(
    (seed, key) =>
      numbers.has(key)
        ? `hashint8extended(${column(key)}, ${seed})`
        : `hashtextextended(${column(key)}::text COLLATE "C", ${seed})`,
    '0',
  );

/** Under the new side's names. The planner sees through the inner SELECT. */
export function placeOf({ schema, mapping }: ProofPlace, { name, columns, keys }: ProvenTable): string {
  const nameTable = (table: string) => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
  if (mapping === undefined || mapping.isEqual(name)) return nameTable(name);
  const renamed = [...new Set([...keys, ...columns])].map(
    (one) =>
      `${pg.escapeIdentifier(mapping.toLegacyColumn(name, one) ?? one)} AS ${pg.escapeIdentifier(one)}`,
  );
  return `(SELECT ${renamed.join(', ')}, xmin FROM ${nameTable(mapping.toLegacyTable(name) ?? name)})`;
}

const fence = ({ tenant, only = 'true' }: ProofPlace): string =>
  tenant === undefined ? only : `t.tenant_id = ${Number(tenant)} AND ${only}`;

// OFFSET 0 keeps the planner from computing the hash anew wherever it is named.
function source(
  place: ProofPlace,
  table: ProvenTable,
  hash: string,
  named: 'k' | 'r',
  among?: ProofKeys,
): string {
  const chosen = among === undefined ? '' : ` JOIN ${listKeys(table, among)}`;
  return `${placeOf(place, table)} t${chosen} CROSS JOIN LATERAL (SELECT ${hash} AS hash OFFSET 0) ${named} WHERE ${fence(place)}`;
}

function listKeys({ keys }: ProvenTable, among: ProofKeys): string {
  const types = keys.map((key) => `${pg.escapeIdentifier(key)} ${among.types.get(key)}`).join(', ');
  const same = keys.map((key) => `${column(key)} = q.${pg.escapeIdentifier(key)}`).join(' AND ');
  return `json_to_recordset(${pg.escapeLiteral(`[${among.keys.join(',')}]`)}::json) AS q (${types}) ON ${same}`;
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
