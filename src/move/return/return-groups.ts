import type { OutboxLine } from '../../store/index.ts';
import type { LegacyTable } from './legacy-tables.ts';
import { Misfit } from './return-trouble.ts';

export type ReturnManner = 'together' | 'one_by_one';

/** Lines of one kind and table that one statement can carry. `rekey`: an update of the key, always alone. */
export type LineGroup = Readonly<{
  kind: 'insert' | 'update' | 'rekey' | 'delete';
  table: LegacyTable;
  keys: readonly string[];
  /** Those that both sides have, the key's among them. */
  columns: readonly string[];
  lines: readonly OutboxLine[];
}>;

type Draft = Omit<LineGroup, 'lines'> & {
  readonly head: string;
  readonly seen: Set<string>;
  readonly lines: OutboxLine[];
};

/** Neighbours that are alike go together; their order stays. No row is in a group twice. */
export function groupLines(
  lines: readonly OutboxLine[],
  tables: ReadonlyMap<string, LegacyTable>,
  manner: ReturnManner,
): readonly LineGroup[] {
  const drafts: Draft[] = [];
  for (const line of lines) {
    const fresh = draft(line, tables);
    const last = drafts.at(-1);
    const isAlike = manner === 'together' && line.isRekeyed === false && last?.head === fresh.head;
    if (isAlike && !last.seen.has(line.key)) {
      last.seen.add(line.key);
      last.lines.push(line);
    } else drafts.push(fresh);
  }
  return drafts;
}

function draft(line: OutboxLine, tables: ReadonlyMap<string, LegacyTable>): Draft {
  const table = tables.get(line.table);
  if (table === undefined) throw new Misfit(line.table, { kind: 'no_table' });
  const keys = listNames(line.key);
  const missing = keys.find((key) => !table.columns.has(key));
  if (missing !== undefined) throw new Misfit(line.table, { kind: 'no_key', column: missing });
  const columns = line.image === undefined ? [] : listNames(line.image).filter((one) => isShared(one, table));
  const kind = line.isRekeyed ? 'rekey' : line.change;
  const head = [kind, line.table, ...columns].join(' ');
  return { kind, table, keys, columns, head, seen: new Set([line.key]), lines: [line] };
}

// Only the names: a value that JavaScript has read is not the same any more.
const listNames = (json: string): readonly string[] => Object.keys(JSON.parse(json) as object);
const isShared = (column: string, { columns }: LegacyTable) => column !== 'tenant_id' && columns.has(column);
