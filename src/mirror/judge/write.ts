import type { Asked, MirrorRules, RowChange, SideAnswer, TenantName } from '../../vocabulary/index.ts';
import { compareExchanges } from '../compare/index.ts';
import { attributeRows } from './attribution.ts';
import { type Fence, listWriterStates, type Window, type WriterState } from './fence.ts';
import { type Finding, findObstacle, notCompared } from './finding.ts';
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
const MARGIN_MS = 500;

/**
 * Compares a write: the answer, and the rows that legacy wrote against those that the rehearsal would have written. A write that was alone
 * began right before legacy's first commit in its time, and all of them are its own. In company the state in which it began, and
 * which rows are its own, are found by trying; what nothing explains is nobody's fault then.
 */
export async function judgeWrite(parts: WriteParts, write: WriteCase): Promise<Finding> {
  const { asked, tenant, legacy } = write;
  const obstacle = findObstacle(legacy) ?? (asked.body.kind === 'whole' ? undefined : 'body_too_large');
  if (obstacle) return notCompared(obstacle);
  const window = await parts.fence.open(tenant, asked.decision.tables, legacy.askedMs);
  if (typeof window === 'string') return notCompared(window);
  const [fromMs, toMs] = [legacy.askedMs - MARGIN_MS, legacy.answeredMs + MARGIN_MS];
  // Where commits arrive late, earlier writes can lie in the window, too.
  const isAlone = window.lagMs < MARGIN_MS && (await parts.wasAlone(tenant, fromMs, toMs));
  if (!isAlone) return tryInCompany(parts, write, window);
  const own = cutWindow(window, toMs);
  const found = await tryState(
    parts,
    write,
    listWriterStates(own, 1 + MOST_STATES)[0] as WriterState,
    compareAlone,
  );
  // Judged late, when others have written since: a commit of its own may have arrived late, too.
  const isLate = own.transactions.length < window.transactions.length;
  if (found.kind !== 'different' || !isLate) return found;
  const other = await tryInCompany(parts, write, window);
  return other.kind === 'same' ? other : found;
}

/** The window without what was heard of only after the write was over for a while: others' writes since. */
function cutWindow(window: Window, untilMs: number): Window {
  const last = window.heardBy(untilMs);
  if (last === undefined) return window;
  const transactions = window.transactions.filter(({ position }) => position <= last);
  return { ...window, transactions, after: last < window.after ? last : window.after };
}

async function tryInCompany(parts: WriteParts, write: WriteCase, window: Window): Promise<Finding> {
  for (const state of listWriterStates(window, MOST_STATES)) {
    const found = await tryState(parts, write, state, compareInCompany);
    if (found.kind !== 'different') return found;
  }
  return notCompared('concurrent_write');
}

type CompareState = (write: WriteCase, state: WriterState, run: Run) => Finding;

async function tryState(
  { rehearsals }: WriteParts,
  write: WriteCase,
  state: WriterState,
  compare: CompareState,
): Promise<Finding> {
  const { asked, legacy } = write;
  const run = await rehearse(rehearsals, { asked, at: state.at, manner: 'read_write', legacy });
  return run.kind === 'impossible' ? notCompared(run.reason) : compare(write, state, run);
}

type Run = Extract<Rehearsed, { kind: 'answered' }>;

function compareAlone(write: WriteCase, { transactions }: WriterState, run: Run): Finding {
  const found = compareRows(
    write,
    transactions.flatMap(({ rows }) => rows),
    run,
  );
  if (found.kind !== 'different') return found;
  const { answer, effects } = run;
  const { differences } = found;
  return { kind: 'different', differences, noisy: [], legacy: write.legacy, new: answer, effects };
}

/**
 * Same only where the rehearsal wrote rows and legacy wrote the same ones: an answer without any row would fit every moment at which
 * others wrote. A request that legacy refused wrote none.
 */
function compareInCompany(write: WriteCase, { transactions }: WriterState, run: Run): Finding {
  const isRefused = write.legacy.status >= 400;
  const { tables } = write.asked.decision;
  const isTouched = transactions.some(({ rows }) =>
    rows.some(({ table }) => tables.length === 0 || tables.includes(table)),
  );
  if (run.rows.length === 0 && !isRefused && isTouched) return notCompared('concurrent_write');
  const own = isRefused ? [] : attributeRows(transactions, run.rows);
  const found = compareRows(write, own, run);
  return found.kind === 'different'
    ? { ...found, noisy: [], legacy: write.legacy, new: run.answer, effects: run.effects }
    : found;
}

function compareRows({ asked, legacy, rules }: WriteCase, own: readonly RowChange[], run: Run) {
  return compareExchanges({
    legacy,
    new: run.answer,
    rows: { legacy: own, new: run.rows },
    method: 'unsafe',
    rules,
    host: asked.arrival.host,
  });
}
