import pg from 'pg';
import { StoreUnavailable } from './errors.ts';
import { readTenantTables } from './tenant-tables.ts';

/** A table that can follow legacy's of the same name. */
export type FollowedTable = Readonly<{
  name: string;
  place: string;
  /** The primary key without the tenant, in its order. */
  keys: readonly string[];
  /** Column to type, without lengths: a text that is too long is refused, not cut. */
  types: ReadonlyMap<string, string>;
}>;

export async function readFollowedTables(pool: pg.Pool): Promise<ReadonlyMap<string, FollowedTable>> {
  const client = await pool.connect().catch((error: unknown) => {
    throw new StoreUnavailable(error);
  });
  try {
    const tables = (await readTenantTables(client)).filter(({ schema }) => schema === 'public');
    const found = new Map<string, FollowedTable>();
    for (const { name, place } of tables)
      found.set(name, { name, place, ...(await readColumns(client, place)) });
    return found;
  } finally {
    client.release();
  }
}

async function readColumns(
  client: pg.ClientBase,
  place: string,
): Promise<Pick<FollowedTable, 'keys' | 'types'>> {
  // format_type with -1 names char(64) "bpchar"; "character" would mean one letter.
  const { rows } = await client.query<{ name: string; type: string; isKey: boolean }>(
    `SELECT a.attname::text AS name, format_type(a.atttypid, -1) AS type, k.nr IS NOT NULL AS "isKey"
     FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
       LEFT JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, nr) ON k.attnum = a.attnum
     WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'tenant_id' ORDER BY k.nr, a.attnum`,
    [place],
  );
  return {
    keys: rows.filter(({ isKey }) => isKey).map(({ name }) => name),
    types: new Map(rows.map(({ name, type }) => [name, type])),
  };
}

// Each statement takes the tenant as $1 and then one list of texts per column: any number of rows by one statement, and values that
// nothing but the column's own type has read.

export function insertRows({ place, types }: FollowedTable, columns: readonly string[]): string {
  const values = columns.map((column, nr) => `u.c${nr}::${types.get(column)}`);
  return `INSERT INTO ${place} (${['tenant_id', ...columns.map(pg.escapeIdentifier)].join(', ')})
    SELECT ${['$1::int', ...values].join(', ')} FROM unnest(${lists(columns.length)}) WITH ORDINALITY AS u(${names('c', columns.length)}, nr) ORDER BY nr`;
}

export function updateRows(table: FollowedTable, columns: readonly string[]): string {
  const { place, types, keys } = table;
  const values = columns.map(
    (column, nr) => `${pg.escapeIdentifier(column)} = u.c${nr}::${types.get(column)}`,
  );
  const all = columns.length + keys.length;
  return `UPDATE ${place} t SET ${values.join(', ')}
    FROM unnest(${lists(all)}) AS u(${names('c', columns.length)}, ${names('k', keys.length)}) WHERE t.tenant_id = $1 AND ${match(table)}`;
}

export function deleteRows(table: FollowedTable): string {
  const { place, keys } = table;
  return `DELETE FROM ${place} t USING unnest(${lists(keys.length)}) AS u(${names('k', keys.length)}) WHERE t.tenant_id = $1 AND ${match(table)}`;
}

export function emptyTable({ place }: FollowedTable): string {
  return `DELETE FROM ${place} WHERE tenant_id = $1`;
}

const match = ({ keys, types }: FollowedTable) =>
  keys.map((key, nr) => `t.${pg.escapeIdentifier(key)} = u.k${nr}::${types.get(key)}`).join(' AND ');
const names = (letter: string, count: number) =>
  Array.from({ length: count }, (_, nr) => `${letter}${nr}`).join(', ');
const lists = (count: number) => Array.from({ length: count }, (_, nr) => `$${nr + 2}::text[]`).join(', ');
