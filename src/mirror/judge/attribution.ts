import type { LegacyTransaction, RowChange } from '../../vocabulary/index.ts';

/**
 * Which of legacy's rows belong to the request whose rehearsal wrote `rehearsed`, where others wrote at the same time: all changes of
 * rows with the same key; for rehearsed rows without such a twin the first of the same table and change that nobody has claimed; and
 * whatever was committed together with one of these.
 */
export function attributeRows(
  transactions: readonly LegacyTransaction[],
  rehearsed: readonly RowChange[],
): readonly RowChange[] {
  const names = new Set(rehearsed.map(nameRow));
  const chosen = new Set(transactions.filter(({ rows }) => rows.some((row) => names.has(nameRow(row)))));
  const present = new Set(transactions.flatMap(({ rows }) => rows.map(nameRow)));
  const claimed = new Set<RowChange>();
  for (const mine of rehearsed) {
    if (present.has(nameRow(mine))) continue;
    for (const transaction of transactions) {
      const twin = transaction.rows.find(
        (row) =>
          !claimed.has(row) &&
          !names.has(nameRow(row)) &&
          row.table === mine.table &&
          row.change === mine.change,
      );
      if (!twin) continue;
      claimed.add(twin);
      chosen.add(transaction);
      break;
    }
  }
  return transactions.filter((transaction) => chosen.has(transaction)).flatMap(({ rows }) => rows);
}

const nameRow = ({ table, key }: RowChange) => `${table} ${key}`;
