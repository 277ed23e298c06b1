import type pg from 'pg';

/** A partitioned tenant table, as the catalogs know it. */
export type TenantTable = Readonly<{
  /** Schema and name, quoted for SQL. */
  place: string;
  schema: string;
  name: string;
  /** In the table's own order, `tenant_id` included. */
  columns: readonly string[];
}>;

/** Every partitioned tenant table, those that others refer to first: rows can be put in in this order and taken out in reverse. */
export async function readTenantTables(client: pg.ClientBase): Promise<readonly TenantTable[]> {
  const { rows } = await client.query<TenantTable & { needs: string[] }>(`
    SELECT format('%I.%I', n.nspname, c.relname) AS place, n.nspname AS schema, c.relname AS name,
      (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
      (SELECT COALESCE(array_agg(DISTINCT format('%I.%I', rn.nspname, rc.relname)), '{}') FROM pg_constraint f
        JOIN pg_class rc ON rc.oid = f.confrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conparentid = 0 AND rc.oid <> c.oid AND rc.relkind = 'p') AS needs
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'p' AND NOT c.relispartition
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
    ORDER BY place`);
  return sortByNeeds(rows);
}

function sortByNeeds<Table extends { place: string; needs: readonly string[] }>(
  tables: readonly Table[],
): readonly Table[] {
  const sorted: Table[] = [];
  let left = tables;
  while (left.length > 0) {
    const placed = new Set(sorted.map((table) => table.place));
    const ready = left.filter((table) => table.needs.every((need) => placed.has(need)));
    if (ready.length === 0)
      throw new Error(`The foreign keys of ${left.map((table) => table.place).join(', ')} form a circle.`);
    sorted.push(...ready);
    left = left.filter((table) => !ready.includes(table));
  }
  return sorted;
}
