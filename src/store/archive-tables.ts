import type pg from 'pg';
import type { TenantId } from '../vocabulary/index.ts';

/** A column of a tenant's table, without `tenant_id`. */
export type ArchiveColumn = Readonly<{ name: string; type: string }>;

/** A table that holds a tenant's rows, as the catalogs know it. */
export type ArchiveTable = Readonly<{
  /** `public.ai_job`, as an archive names it. */
  name: string;
  /** The same, quoted for SQL. */
  place: string;
  /** What an archive carries: neither `tenant_id` nor what PostgreSQL computes from the rest. */
  columns: readonly (ArchiveColumn & Readonly<{ place: string; isNeeded: boolean }>)[];
  /** The primary key without the tenant, quoted, in its order. */
  keys: readonly string[];
  /** Those of them that are texts have an order of their own in every database: `COLLATE "C"` is the same everywhere. */
  order: string;
  /** Its ids are counted by banyan.id_counter under this name. */
  counted: string | undefined;
}>;

type Row = Omit<ArchiveTable, 'counted'> &
  Readonly<{ needs: readonly string[]; short: string; hasId: boolean }>;

const NOT_TENANT = `a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'tenant_id'`;
const KEYS = `FROM pg_index i CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, nr)
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE i.indrelid = c.oid AND i.indisprimary AND ${NOT_TENANT}`;
const TABLES = `
  SELECT format('%s.%s', n.nspname, c.relname) AS name, format('%I.%I', n.nspname, c.relname) AS place, c.relname AS short,
    (SELECT COALESCE(json_agg(json_build_object('name', a.attname, 'place', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod),
        'isNeeded', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '') ORDER BY a.attnum), '[]')
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = '' AND ${NOT_TENANT}) AS columns,
    (SELECT COALESCE(json_agg(quote_ident(a.attname) ORDER BY k.nr), '[]') ${KEYS}) AS keys,
    (SELECT string_agg(quote_ident(a.attname) || CASE WHEN a.attcollation <> 0 THEN ' COLLATE "C"' ELSE '' END, ', ' ORDER BY k.nr) ${KEYS}) AS order,
    EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'id' AND a.atttypid = 'int4'::regtype AND ${NOT_TENANT}) AS "hasId",
    (SELECT COALESCE(json_agg(DISTINCT format('%s.%s', rn.nspname, rc.relname)), '[]') FROM pg_constraint f
      JOIN pg_class rc ON rc.oid = f.confrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace
      WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conparentid = 0) AS needs
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%'
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnum > 0 AND NOT a.attisdropped)
  ORDER BY name`;

export const COUNTERS = 'banyan.id_counter';

/** `circle`: tables that refer to one another, or one to itself, so that no order of the rows suits their foreign keys. */
export type TableGroup = Readonly<{ kind: 'one' | 'circle'; tables: readonly ArchiveTable[] }>;

/** Every table with rows of tenants, the gateway's own included; those that others need come first. */
export async function readTableGroups(client: pg.ClientBase): Promise<readonly TableGroup[]> {
  const { rows } = await client.query<Row>(TABLES);
  const groups: TableGroup[] = [];
  let left: readonly Row[] = rows;
  while (left.length > 0) {
    const ready = left.filter(
      (one) => !left.some(({ name }) => name !== one.name && one.needs.includes(name)),
    );
    if (ready.length === 0) return [...groups, { kind: 'circle', tables: left.map(finish) }];
    groups.push(...ready.map(makeGroup));
    left = left.filter((one) => !ready.includes(one));
  }
  return groups;
}

const makeGroup = (row: Row): TableGroup => ({
  kind: row.needs.includes(row.name) ? 'circle' : 'one',
  tables: [finish(row)],
});

/** What an archive carries: the product's tables, and where their ids stand. */
export async function readArchiveTables(client: pg.ClientBase): Promise<readonly ArchiveTable[]> {
  const tables = (await readTableGroups(client)).flatMap((group) => group.tables);
  return [
    ...tables.filter(({ name }) => name.startsWith('public.')),
    ...tables.filter(({ name }) => name === COUNTERS),
  ];
}

function finish({ needs: _, short, hasId, ...table }: Row): ArchiveTable {
  const counted = hasId && table.name === `public.${short}` ? short : undefined;
  return Object.freeze({ ...table, order: table.order ?? '1', counted });
}

/** A tenant's rows of one table, in an order that is the same in every database, as text. */
export function readRowsSql(
  table: Pick<ArchiveTable, 'place' | 'order'>,
  columns: readonly string[],
  tenant: TenantId,
): string {
  return `COPY (SELECT ${columns.join(', ')} FROM ${table.place} WHERE tenant_id = ${Number(tenant)} ORDER BY ${table.order}) TO STDOUT`;
}
