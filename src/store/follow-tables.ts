import type pg from 'pg';
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
