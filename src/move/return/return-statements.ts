import pg from 'pg';
import type { OutboxLine } from '../../store/index.ts';
import type { LegacyTable } from './legacy-tables.ts';
import type { LineGroup, ReturnManner } from './return-groups.ts';

/**
 * One group as SQL. Rows stand in it as JSON, just as the new side's PostgreSQL wrote them, and legacy's reads each value by its column's
 * own type. Many statements make one round trip.
 */
export function writeLines(group: LineGroup, manner: ReturnManner): string {
  if (group.kind === 'delete') return dropRows(group);
  if (!isCounted(group)) return putRows(group);
  const update = group.kind === 'rekey' ? rekeyRow(group) : changeRows(group);
  if (manner === 'together') return update;
  // A row that is missing has been taken away on legacy by somebody else. It is the new side's, so it comes back.
  return `WITH changed AS (${update} RETURNING 1) ${putRows(group, 'WHERE NOT EXISTS (SELECT FROM changed)')}`;
}

/** Whether a statement that finds fewer rows than it has lines has missed some. */
export function isCounted(group: LineGroup): boolean {
  return group.kind === 'rekey' || (group.kind === 'update' && listChanging(group).length > 0);
}

/** Whoever is there already is overwritten: these rows are the new side's. */
function putRows(group: LineGroup, condition = ''): string {
  const { table, keys, columns, lines } = group;
  const place = (one: string) => placeOf(table, one);
  const changes = listChanging(group).map((one) => `${place(one)} = EXCLUDED.${place(one)}`);
  const otherwise = changes.length > 0 ? `UPDATE SET ${changes.join(', ')}` : 'NOTHING';
  return `INSERT INTO ${table.place} (${columns.map(place).join(', ')}) OVERRIDING SYSTEM VALUE
    SELECT ${columns.map((one) => writeValue(table, one)).join(', ')} FROM ${records('r', table, columns, lines.map(imageOf))} ${condition}
    ON CONFLICT (${keys.map(place).join(', ')}) DO ${otherwise}`;
}

function changeRows(group: LineGroup): string {
  const { table, keys, columns, lines } = group;
  const changes = listChanging(group).map((one) => `${placeOf(table, one)} = ${writeValue(table, one)}`);
  return `UPDATE ${table.place} t SET ${changes.join(', ')} FROM ${records('r', table, columns, lines.map(imageOf))} WHERE ${sameKey('r', table, keys)}`;
}

function rekeyRow({ table, keys, columns, lines }: LineGroup): string {
  const changes = columns.map((one) => `${placeOf(table, one)} = ${writeValue(table, one)}`);
  return `UPDATE ${table.place} t SET ${changes.join(', ')} FROM ${records('r', table, columns, lines.map(imageOf))},
    ${records('k', table, keys, lines.map(keyOf))} WHERE ${sameKey('k', table, keys)}`;
}

function dropRows({ table, keys, lines }: LineGroup): string {
  return `DELETE FROM ${table.place} t USING ${records('k', table, keys, lines.map(keyOf))} WHERE ${sameKey('k', table, keys)}`;
}

/** What an update of a row that keeps its key can change. */
function listChanging({ table, keys, columns }: LineGroup): readonly string[] {
  return columns.filter((one) => !keys.includes(one) && table.columns.get(one)?.isAlwaysIdentity !== true);
}

// By a list of columns and types, not by the table's row type: legacy may have columns that do not take a NULL, not even for a moment.
function records(
  alias: 'r' | 'k',
  { columns: known }: LegacyTable,
  columns: readonly string[],
  rows: readonly string[],
): string {
  const types = columns.map((one) => `${name(one)} ${known.get(one)?.type}`);
  if (alias === 'r') types.push(`${JSON_NULLS} jsonb`);
  return `json_to_recordset(${pg.escapeLiteral(`[${rows.join(',')}]`)}) AS ${alias} (${types.join(', ')})`;
}

/** Where the new side's trigger names the columns that hold JSON's own null; no column of a table is called so. */
const JSON_NULLS = pg.escapeIdentifier('banyan json nulls');

function writeValue({ columns }: LegacyTable, column: string): string {
  const value = `r.${name(column)}`;
  switch (columns.get(column)?.json) {
    case 'never_null':
      return `COALESCE(${value}, 'null')`;
    case 'nullable':
      return `CASE WHEN r.${JSON_NULLS} ? ${pg.escapeLiteral(column)} THEN 'null' ELSE ${value} END`;
    default:
      return value;
  }
}
const sameKey = (alias: string, table: LegacyTable, keys: readonly string[]) =>
  keys.map((key) => `t.${placeOf(table, key)} = ${alias}.${name(key)}`).join(' AND ');
const imageOf = ({ image }: OutboxLine) => image ?? 'null';
const keyOf = ({ key }: OutboxLine) => key;
const name = pg.escapeIdentifier;
/** Legacy's column, where everything else says the new side's name: that is what the row's JSON says. */
const placeOf = ({ columns }: LegacyTable, column: string) => name(columns.get(column)?.name ?? column);
