import type { ProofReading, ProofSlice, ProvenTable } from '../../store/index.ts';
import { type DifferenceOfRow, mergeRows, type UnequalRow } from './merged-rows.ts';

/** A row that is not the same on both sides. Its key as JSON text; of its values only the columns' names. */
export type RowFinding = Readonly<{
  table: string;
  key: string;
  what: DifferenceOfRow;
  columns: readonly string[];
}>;

/** Both sides at a moment each. */
export type Moments = Readonly<{ legacy: ProofReading; fresh: ProofReading }>;

/** Which rows a look found unequal, by the hashes of their keys. Too many to remember: every row is suspect. */
export type Suspects = ReadonlySet<string> | 'too_many';

export type TableLook = Readonly<{
  rows: number;
  count: number;
  suspects: Suspects;
  findings: readonly RowFinding[];
}>;

const REMEMBERED_KEYS = 20_000;

/**
 * One hash for each slice of the rows, then the rows of unequal slices one by one, then the columns of the first unequal rows. After an
 * earlier look only what was suspect then counts.
 */
export async function lookAtTable(
  moments: Moments,
  table: ProvenTable,
  before: Suspects = 'too_many',
): Promise<TableLook> {
  const none = { count: 0, suspects: new Set<string>(), findings: [] };
  if (before !== 'too_many' && before.size === 0) return { rows: 0, ...none };
  const { rows, slices } = await findSlices(moments, table);
  if (slices.length === 0) return { rows, ...none };
  const { count, first, suspects } = await findRows(moments, table, slices, before);
  return { rows, count, suspects, findings: await describeRows(moments, table, first) };
}

async function findSlices({ legacy, fresh }: Moments, table: ProvenTable) {
  const [one, other] = await Promise.all([legacy.slices(table), fresh.slices(table)]);
  const rows = Math.max(countRows(one), countRows(other));
  const print = ({ slice, rows, hash }: ProofSlice) => `${slice} ${rows} ${hash}`;
  const [before, after] = [new Set(one.map(print)), new Set(other.map(print))];
  const unequal = [
    ...one.filter((slice) => !after.has(print(slice))),
    ...other.filter((slice) => !before.has(print(slice))),
  ];
  return { rows, slices: [...new Set(unequal.map(({ slice }) => slice))] };
}

const countRows = (slices: readonly ProofSlice[]): number => slices.reduce((sum, { rows }) => sum + rows, 0);

async function findRows(
  { legacy, fresh }: Moments,
  table: ProvenTable,
  slices: readonly number[],
  before: Suspects,
) {
  const [keys, first]: [Set<string>, UnequalRow[]] = [new Set(), []];
  let count = 0;
  for await (const row of mergeRows(legacy.rows(table, slices), fresh.rows(table, slices))) {
    if (before !== 'too_many' && !before.has(row.key)) continue;
    count += 1;
    if (keys.size < REMEMBERED_KEYS) keys.add(row.key);
    if (first.length < MOST_TOLD) first.push(row);
  }
  const suspects: Suspects = count > REMEMBERED_KEYS ? 'too_many' : keys;
  return { count, first, suspects };
}

/** So many findings at most. */
export const MOST_TOLD = 20;

/** `among`: keys as JSON, where the rows are known to be among these. */
export async function describeRows(
  { legacy, fresh }: Moments,
  table: ProvenTable,
  rows: readonly UnequalRow[],
  among?: readonly string[],
): Promise<readonly RowFinding[]> {
  const keys = rows.map(({ key }) => key);
  const [one, other] = await Promise.all([legacy.cells(table, keys, among), fresh.cells(table, keys, among)]);
  const [before, after] = [one, other].map((side) => new Map(side.map((cells) => [cells.key, cells])));
  return rows.map(({ key, what }) => {
    const [left, right] = [before?.get(key), after?.get(key)];
    const unequal = table.columns.filter((_, nr) => left?.cells[nr] !== right?.cells[nr]);
    const shown = left?.shown ?? right?.shown ?? '{}';
    const columns = Object.freeze(what === 'different' ? unequal : []);
    return Object.freeze({ table: table.name, key: shown, what, columns });
  });
}
