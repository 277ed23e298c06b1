import type { FollowManner } from './follow.ts';
import type { LegacyChange, LegacyValues } from './follow-application.ts';
import type { FollowedTable } from './follow-statements.ts';

/** Changes of one kind to one table that one statement can apply. */
export type RowGroup = Readonly<{
  change: LegacyChange['change'];
  table: FollowedTable;
  columns: readonly string[];
  /** One list of texts for each of `columns`, then one for each column of the key. */
  lists: readonly (readonly (string | null)[])[];
  size: number;
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
    const key = change.change === 'truncate' ? '' : JSON.stringify(readKey(change, table));
    const last = drafts.at(-1);
    if (manner === 'together' && last?.head === head && !last.seen.has(key)) {
      last.seen.add(key);
      last.changes.push(change);
    } else drafts.push({ head, table, columns, seen: new Set([key]), changes: [change] });
  }
  return drafts.map(finish);
}

function finish({ table, columns, changes }: Draft): RowGroup {
  const change = changes[0]?.change ?? 'insert';
  const valued = columns.map((column) => changes.map((one) => valuesOf(one)[column] ?? null));
  const keys = change === 'update' || change === 'delete';
  const keyed = keys ? table.keys.map((_, nr) => changes.map((one) => readKey(one, table)[nr] ?? null)) : [];
  const ids = change === 'insert' ? changes.map((one) => Number(valuesOf(one).id)) : [];
  return {
    change,
    table,
    columns,
    lists: [...valued, ...keyed],
    size: changes.length,
    highestId: Math.max(0, ...ids.filter((id) => Number.isInteger(id) && id <= LARGEST_ID)),
  };
}

/** Those that both sides have. */
function listColumns(change: LegacyChange, table: FollowedTable): readonly string[] {
  if (change.change === 'delete' || change.change === 'truncate') return [];
  return Object.keys(change.row).filter((column) => table.types.has(column));
}

function valuesOf(change: LegacyChange): LegacyValues {
  return change.change === 'insert' || change.change === 'update' ? change.row : {};
}

/** Which row it was before. */
function readKey(change: LegacyChange, table: FollowedTable): readonly (string | null | undefined)[] {
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
