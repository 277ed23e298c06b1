import type { FollowManner } from './follow.ts';
import type { LegacyChange, LegacyValues } from './follow-application.ts';
import type { FollowedTable } from './follow-tables.ts';

type Values = readonly (string | null | undefined)[];

/** Changes of one kind to one table that one statement can apply. */
export type RowGroup = Readonly<{
  change: LegacyChange['change'];
  table: FollowedTable;
  columns: readonly string[];
  /** The values of `columns`, row by row. */
  rows: readonly Values[];
  /** Which row it was before, likewise. */
  keys: readonly Values[];
  /** The highest id put in; 0 where there is none. */
  highestId: number;
}>;

type Draft = {
  readonly head: string;
  readonly table: FollowedTable;
  readonly columns: readonly string[];
  readonly seen: Set<string>;
  readonly changes: LegacyChange[];
};

const LARGEST_ID = 2_147_483_647;

/** Neighbours that are alike go together; their order stays. No row is in a group twice. */
export function groupChanges(
  changes: readonly LegacyChange[],
  tables: ReadonlyMap<string, FollowedTable>,
  manner: FollowManner,
): readonly RowGroup[] {
  const drafts: Draft[] = [];
  for (const change of changes) {
    const table = tables.get(change.table);
    if (table === undefined) continue;
    const columns = listColumns(change, table);
    const head = [change.change, table.name, ...columns].join(' ');
    const key = JSON.stringify(readKey(change, table));
    const last = drafts.at(-1);
    if (manner === 'together' && last?.head === head && !last.seen.has(key)) {
      last.seen.add(key);
      last.changes.push(change);
    } else drafts.push({ head, table, columns, seen: new Set([key]), changes: [change] });
  }
  return drafts.map(finish);
}

function finish({ table, columns, changes }: Draft): RowGroup {
  const ids = changes.map((one) => (one.change === 'insert' ? Number(one.row.id) : 0));
  return {
    change: changes[0]?.change ?? 'insert',
    table,
    columns,
    rows: changes.map((one) => columns.map((column) => valuesOf(one)[column])),
    keys: changes.map((one) => readKey(one, table)),
    highestId: Math.max(0, ...ids.filter((id) => Number.isInteger(id) && id <= LARGEST_ID)),
  };
}

/** Those that both sides have. */
function listColumns(change: LegacyChange, table: FollowedTable): readonly string[] {
  return Object.keys(valuesOf(change)).filter((column) => table.types.has(column));
}

function valuesOf(change: LegacyChange): LegacyValues {
  return change.change === 'insert' || change.change === 'update' ? change.row : {};
}

function readKey(change: LegacyChange, table: FollowedTable): Values {
  switch (change.change) {
    case 'insert':
      return table.keys.map((key) => change.row[key]);
    case 'update':
      return table.keys.map((key) => change.old?.[key] ?? change.row[key]);
    case 'delete':
      return table.keys.map((key) => change.old[key]);
    case 'truncate':
      return [];
  }
}
