import type { RowChange } from '../../vocabulary/index.ts';

/** What became of one row in the end. */
export type NetChange = Readonly<{ table: string; key: string; change: RowChange['change']; row: string }>;

/**
 * The net effect of one side's changes per row: what was inserted and then changed was inserted as it is now, what was inserted and deleted
 * never was. An update that changes nothing cannot be told from another, since the row before it is not known; a row that was deleted and
 * written again just as it was, can.
 */
export function foldRows(changes: readonly RowChange[]): readonly NetChange[] {
  const net = new Map<string, NetChange & Readonly<{ before: string | undefined }>>();
  for (const { table, key, change, row } of changes) {
    const id = JSON.stringify([table, key]);
    const earlier = net.get(id);
    const before = earlier ? earlier.before : change === 'delete' ? row : undefined;
    const now = earlier ? joinChanges(earlier, change, row) : change;
    if (now === 'nothing') net.delete(id);
    else net.set(id, { table, key, change: now, row, before });
  }
  return [...net.values()];
}

type Earlier = Pick<NetChange, 'change'> & Readonly<{ before: string | undefined }>;

function joinChanges(
  { change, before }: Earlier,
  next: RowChange['change'],
  row: string,
): NetChange['change'] | 'nothing' {
  if (change === 'insert') return next === 'delete' ? 'nothing' : 'insert';
  if (next === 'delete') return 'delete';
  return row === before ? 'nothing' : 'update';
}
