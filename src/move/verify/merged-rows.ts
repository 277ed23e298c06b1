import type { ProofRow } from '../../store/index.ts';

export type DifferenceOfRow = 'missing_on_new' | 'missing_on_legacy' | 'different';
export type UnequalRow = Readonly<{ key: string; what: DifferenceOfRow }>;

type Rows = AsyncIterator<ProofRow, void>;

/** Two streams in the same order, read side by side: what is on one of them only, or is there twice, or differs. */
export async function* mergeRows(legacy: Rows, fresh: Rows): AsyncGenerator<UnequalRow, void> {
  let [one, other] = await Promise.all([take(legacy), take(fresh)]);
  while (one || other) {
    if (other === undefined || (one && one.key < other.key)) {
      if (one) yield { key: one.key, what: 'missing_on_new' };
      one = await take(legacy);
    } else if (one === undefined || other.key < one.key) {
      yield { key: other.key, what: 'missing_on_legacy' };
      other = await take(fresh);
    } else {
      if (one.row !== other.row) yield { key: one.key, what: 'different' };
      [one, other] = await Promise.all([take(legacy), take(fresh)]);
    }
  }
}

async function take(rows: Rows): Promise<ProofRow | undefined> {
  const { done, value } = await rows.next();
  return done ? undefined : (value as ProofRow);
}
