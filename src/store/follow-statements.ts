import pg from 'pg';
import type { TenantId } from '../vocabulary/index.ts';
import type { RowGroup } from './follow-groups.ts';
import type { FollowedTable } from './follow-tables.ts';

type Value = string | null | undefined;

/**
 * One group as SQL. Values stand in it as literals, so that each is read by its column's own type and by nothing else, many statements
 * make one round trip, and each is planned for its tenant's partition alone.
 */
export function writeStatement(tenant: TenantId, group: RowGroup): string {
  const { table, rows } = group;
  switch (group.change) {
    case 'insert':
      return `INSERT INTO ${table.place} (tenant_id, ${names(group.columns)}) VALUES ${rows.map((row) => tuple([String(tenant), ...row])).join(', ')}`;
    case 'update':
      return rows.length === 1 ? updateOne(tenant, group) : updateMany(tenant, group);
    case 'delete':
      return deleteRows(tenant, group);
    case 'truncate':
      return `DELETE FROM ${table.place} WHERE tenant_id = ${tenant}`;
  }
}

function updateOne(tenant: TenantId, { table, columns, rows, keys }: RowGroup): string {
  const values = columns.map((column, nr) => `${pg.escapeIdentifier(column)} = ${literal(rows[0]?.[nr])}`);
  return `UPDATE ${table.place} t SET ${values.join(', ')} WHERE t.tenant_id = ${tenant} AND ${isKey(table, keys[0] ?? [])}`;
}

function updateMany(tenant: TenantId, { table, columns, rows, keys }: RowGroup): string {
  const values = columns.map(
    (column, nr) => `${pg.escapeIdentifier(column)} = u.c${nr}::${table.types.get(column)}`,
  );
  const tuples = rows.map((row, nr) => tuple([...row, ...(keys[nr] ?? [])]));
  return `UPDATE ${table.place} t SET ${values.join(', ')}
    FROM (VALUES ${tuples.join(', ')}) AS u (${numbered('c', columns)}, ${numbered('k', table.keys)})
    WHERE t.tenant_id = ${tenant} AND ${isAmong(table, keys)} AND ${joinsKey(table)}`;
}

function deleteRows(tenant: TenantId, { table, keys }: RowGroup): string {
  const from = `DELETE FROM ${table.place} t`;
  if (keys.length === 1) return `${from} WHERE t.tenant_id = ${tenant} AND ${isKey(table, keys[0] ?? [])}`;
  if (table.keys.length === 1) return `${from} WHERE t.tenant_id = ${tenant} AND ${isAmong(table, keys)}`;
  return `${from} USING (VALUES ${keys.map(tuple).join(', ')}) AS u (${numbered('k', table.keys)})
    WHERE t.tenant_id = ${tenant} AND ${isAmong(table, keys)} AND ${joinsKey(table)}`;
}

const isKey = ({ keys }: FollowedTable, values: readonly Value[]) =>
  keys.map((key, nr) => `t.${pg.escapeIdentifier(key)} = ${literal(values[nr])}`).join(' AND ');
// Says no more than the join does, but of these rows the index can be asked, whatever the planner believes of a table it never looked at.
const isAmong = ({ keys, types }: FollowedTable, rows: readonly (readonly Value[])[]) =>
  keys
    .map((key, nr) => {
      const values = [...new Set(rows.map((row) => literal(row[nr])))];
      return `t.${pg.escapeIdentifier(key)} = ANY (ARRAY[${values.join(', ')}]::${types.get(key)}[])`;
    })
    .join(' AND ');
const joinsKey = ({ keys, types }: FollowedTable) =>
  keys.map((key, nr) => `t.${pg.escapeIdentifier(key)} = u.k${nr}::${types.get(key)}`).join(' AND ');
const names = (columns: readonly string[]) => columns.map(pg.escapeIdentifier).join(', ');
const numbered = (letter: string, list: readonly string[]) =>
  list.map((_, nr) => `${letter}${nr}`).join(', ');
const tuple = (values: readonly Value[]) => `(${values.map(literal).join(', ')})`;
const literal = (value: Value) => (value == null ? 'NULL' : pg.escapeLiteral(value));
