import type { ProofColumn, ProofMoment, ProofRow, ProvenTable } from '../../store/index.ts';
import type { UnequalRow } from './merged-rows.ts';
import { describeRows, MOST_TOLD, type Moments, type TableLook } from './table-look.ts';

type SideSeen = Readonly<{ moment: ProofMoment; form: string }>;

/** When both sides were seen, by the first look of a proof that found them equal, and in which form their tables were. */
export type Since = Readonly<{ legacy: SideSeen; fresh: SideSeen }>;

/** `unlike`: what has changed is equal, and the tables are not; each side's number of rows. */
export type ChangeLook =
  | Readonly<{ kind: 'looked'; look: TableLook }>
  | Readonly<{ kind: 'too_much' }>
  | Readonly<{ kind: 'unlike'; rows: Readonly<{ legacy: number; fresh: number }> }>;

/** More than these to compare one by one: the whole table is quicker, or nearly so. */
const MOST_CHANGED = 20_000;

type Columns = readonly ProofColumn[];

export function noteSince({ legacy, fresh }: Moments, before: Columns, after: Columns): Since {
  return Object.freeze({
    legacy: { moment: legacy.moment, form: JSON.stringify(before) },
    fresh: { moment: fresh.moment, form: JSON.stringify(after) },
  });
}

/** Whether rows tell what has changed since: on the same servers, in tables of the same form. */
export function isComparable(since: Since, now: Since): boolean {
  return ([since.legacy, since.fresh] as const).every(({ moment, form }, nr) => {
    const side = nr === 0 ? now.legacy : now.fresh;
    return moment.server === side.moment.server && form === side.form;
  });
}

/**
 * Nobody writes now, and all rows were equal before: then only rows that either side has written since can differ, and rows that are gone on
 * one side show in the tables' sums. Why that is enough stands in docs/moving.md.
 */
export async function lookAtChanges(moments: Moments, table: ProvenTable, since: Since): Promise<ChangeLook> {
  const { legacy, fresh } = moments;
  const [before, after] = [since.legacy.moment, since.fresh.moment];
  const [left, right] = await Promise.all([
    legacy.changed(table, before, MOST_CHANGED + 1),
    fresh.changed(table, after, MOST_CHANGED + 1),
  ]);
  if (left.length + right.length > MOST_CHANGED) return { kind: 'too_much' };
  const [one, other] = await Promise.all([legacy.tally(table), fresh.tally(table)]);
  const rows = Math.max(one.rows, other.rows);
  const keys = [...new Set([...left, ...right])];
  const unequal = await compareNamed(moments, table, keys);
  if (unequal.length > 0)
    return { kind: 'looked', look: await name(moments, table, { rows, keys, unequal }) };
  if (one.rows !== other.rows || one.keys !== other.keys)
    return { kind: 'unlike', rows: { legacy: one.rows, fresh: other.rows } };
  return { kind: 'looked', look: { rows, count: 0, suspects: new Set(), findings: [] } };
}

async function compareNamed(
  { legacy, fresh }: Moments,
  table: ProvenTable,
  keys: readonly string[],
): Promise<readonly UnequalRow[]> {
  const index = (rows: readonly ProofRow[]) => new Map(rows.map(({ key, row }) => [key, row]));
  const [one, other] = (await Promise.all([legacy.named(table, keys), fresh.named(table, keys)])).map(index);
  if (one === undefined || other === undefined) return [];
  return [...new Set([...one.keys(), ...other.keys()])].toSorted().flatMap((key): readonly UnequalRow[] => {
    const [before, after] = [one.get(key), other.get(key)];
    if (before === after) return [];
    if (before === undefined) return [{ key, what: 'missing_on_legacy' }];
    return [{ key, what: after === undefined ? 'missing_on_new' : 'different' }];
  });
}

async function name(
  moments: Moments,
  table: ProvenTable,
  {
    rows,
    keys,
    unequal,
  }: Readonly<{ rows: number; keys: readonly string[]; unequal: readonly UnequalRow[] }>,
): Promise<TableLook> {
  return {
    rows,
    count: unequal.length,
    suspects: new Set(unequal.map(({ key }) => key)),
    findings: await describeRows(moments, table, unequal.slice(0, MOST_TOLD), keys),
  };
}
