import type { Asked, MirrorRules, RowChange, SideAnswer, TenantName } from '../../vocabulary/index.ts';
import { nowMs } from '../clock.ts';
import { compareExchanges } from '../compare/index.ts';
import { attributeRows } from './attribution.ts';
import { type Fence, listWriterStates, type WriterState } from './fence.ts';
import { type Difference, type Finding, findObstacle, notCompared, SAME } from './finding.ts';
import { type Rehearsed, type RehearseWish, rehearse } from './rehearse.ts';

export type WriteParts = Readonly<{
  fence: Fence;
  rehearsals: RehearseWish;
  /** Was one write of the tenant at most on its way to legacy in that time? */
  wasAlone(tenant: TenantName, fromMs: number, toMs: number): Promise<boolean>;
}>;

export type WriteCase = Readonly<{
  asked: Asked;
  tenant: TenantName;
  rules: MirrorRules;
  legacy: SideAnswer;
}>;

const MOST_STATES = 6;
/** Commits of a write that ended just before may be heard of after the next one has begun. */
const MARGIN_MS = 300;

/**
 * Compares a write: the answer, and the rows that legacy wrote against those that the rehearsal would have written. The rehearsal begins
 * in the rows as they were before legacy's own transaction; which one that is, is found by trying.
 */
export async function judgeWrite(parts: WriteParts, write: WriteCase): Promise<Finding> {
  const { asked, tenant, legacy } = write;
  const obstacle = findObstacle(legacy) ?? (asked.body.kind === 'whole' ? undefined : 'body_too_large');
  if (obstacle) return notCompared(obstacle);
  const window = await parts.fence.open(tenant, asked.decision.tables, legacy.askedMs);
  if (typeof window === 'string') return notCompared(window);
  let best: Difference | undefined;
  for (const state of listWriterStates(window, MOST_STATES)) {
    const run = await rehearse(parts.rehearsals, { asked, at: state.at, manner: 'read_write', legacy });
    if (run.kind === 'impossible') return notCompared(run.reason);
    const found = compareWrite(write, state, run);
    if (found.kind !== 'different') return found;
    if (!best || found.differences.length < best.differences.length) best = found;
  }
  if (!best) return notCompared('concurrent_write');
  const isAlone = await parts.wasAlone(tenant, legacy.askedMs - MARGIN_MS, nowMs());
  return isAlone ? best : notCompared('concurrent_write');
}

/** With all of legacy's rows from there on, and then with those that can be its own. */
function compareWrite(
  { legacy, rules }: WriteCase,
  { transactions }: WriterState,
  { answer, rows, effects }: Extract<Rehearsed, { kind: 'answered' }>,
): Finding {
  const compare = (own: readonly RowChange[]) =>
    compareExchanges({ legacy, new: answer, rows: { legacy: own, new: rows }, method: 'unsafe', rules });
  const all = compare(transactions.flatMap((transaction) => transaction.rows));
  const found =
    all.kind === 'different' && transactions.length > 0
      ? chooseSame(compare(attributeRows(transactions, rows)), all)
      : all;
  if (found.kind !== 'different') return found;
  return { kind: 'different', differences: found.differences, noisy: [], legacy, new: answer, effects };
}

type Compared = ReturnType<typeof compareExchanges>;
const chooseSame = (narrow: Compared, wide: Compared) => (narrow.kind === 'same' ? SAME : wide) as Compared;
