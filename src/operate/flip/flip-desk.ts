import type { Mistake } from '../../decide/index.ts';
import type { FlipLog, Revision } from '../../vocabulary/index.ts';
import { type AdminFailure, isRefusal, refuse } from '../admin/problem.ts';
import type { TableView } from '../ports.ts';
import { carryOut, type FlipDeskParts, type FlipDone } from './carry-out.ts';
import { describeChange } from './change-story.ts';
import {
  type FlipPlan,
  type FlipWish,
  findSubject,
  planFlip,
  refuseMistakes,
  type Source,
} from './flip-plan.ts';
import { readTableFile, TableFileTrouble } from './table-file.ts';
import { planUndo, type UndoWish } from './undo-plan.ts';

export type { FlipDone } from './carry-out.ts';

export type FlipPreview = Readonly<{
  revision: Revision;
  story: readonly string[];
  plan: FlipPlan;
  flagSource: 'file' | 'unleash';
}>;

export type FlipDesk = Readonly<{
  flip(wish: FlipWish): Promise<FlipDone | AdminFailure>;
  /** What `flip` would do, without doing it. */
  preview(wish: FlipWish): Promise<FlipPreview | AdminFailure>;
  /** Takes back the newest flip that still stands. */
  undo(wish: UndoWish): Promise<FlipDone | AdminFailure>;
}>;

/**
 * One flip at a time. A flip is done when three things hold: the file has the new text, the gateway serves by it, and the
 * audit log says who wanted it and why. Where the last cannot be had, the first two are taken back.
 */
export function openFlipDesk(parts: FlipDeskParts): FlipDesk {
  const inTurn = openQueue();
  return Object.freeze({
    flip: (wish) => inTurn(() => withSource(parts, wish.expected, (source) => flip(parts, wish, source))),
    preview: (wish) =>
      inTurn(() => withSource(parts, wish.expected, (source) => preview(parts, wish, source))),
    undo: (wish) => inTurn(() => withSource(parts, wish.expected, (source) => undo(parts, wish, source))),
  });
}

function openQueue(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
}

/** Brings the file into force first, so that what the author saw, the file and the gateway are one thing. */
async function withSource<Result>(
  { file, texts, inForce }: FlipDeskParts,
  expected: Revision | undefined,
  work: (source: Source) => Promise<Result | AdminFailure>,
): Promise<Result | AdminFailure> {
  try {
    const mistakes = await inForce.reload();
    if (mistakes.length > 0) return refuseBroken(file, mistakes);
    const { revision } = inForce.current();
    if (expected !== undefined && expected !== revision) return refuseStale(expected, revision);
    const text = await readTableFile(file);
    const read = await texts.read(text);
    return read.kind === 'table'
      ? await work({ text, table: read.table })
      : refuseBroken(file, read.mistakes);
  } catch (error) {
    if (error instanceof TableFileTrouble)
      return refuse('table_unwritable', `${error.message} Nothing was changed.`);
    throw error;
  }
}

function refuseBroken(file: string, mistakes: readonly Mistake[]): AdminFailure {
  return refuseMistakes('The table has mistakes at the moment; mend them first', file, mistakes);
}

function refuseStale(expected: Revision, current: Revision): AdminFailure {
  const detail = `You have seen revision ${expected}, but ${current} is in force by now. Look again, then decide again.`;
  return refuse('revision_stale', detail);
}

async function preview(
  parts: FlipDeskParts,
  wish: FlipWish,
  source: Source,
): Promise<FlipPreview | AdminFailure> {
  const plan = await planWithinFlags(parts, wish, source);
  if (isRefusal(plan)) return plan;
  const story = describeChange(plan.before.table, plan.after.table);
  const { flagSource } = parts.inForce;
  return { revision: parts.inForce.current().revision, story, plan, flagSource };
}

async function flip(parts: FlipDeskParts, wish: FlipWish, source: Source): Promise<FlipDone | AdminFailure> {
  const plan = await planWithinFlags(parts, wish, source);
  return isRefusal(plan) ? plan : carryOut(parts, plan, { ...wish, undoes: undefined });
}

async function planWithinFlags({ inForce, texts, file }: FlipDeskParts, wish: FlipWish, source: Source) {
  const asksFlag = [wish.percent, wish.tenants, wish.except, wish.move].some((part) => part !== undefined);
  return asksFlag && inForce.flagSource === 'unleash'
    ? refuseDistantFlag(wish, inForce.current().table)
    : planFlip(texts, file, source, wish);
}

function refuseDistantFlag({ subject: name }: FlipWish, table: TableView): AdminFailure {
  const subject = findSubject(table, name);
  if (isRefusal(subject)) return subject;
  const flag = subject.routes.find((route) => route.flag !== undefined)?.flag;
  return refuse(
    'flip_refused',
    `Percentages and tenant lists live in Unleash here: change flag ${flag ?? `of ${name}`} there (its rollout, with stickiness tenantId, or its rules on tenantId). ` +
      `Stages are flipped here, and what cannot wait for Unleash is forced here: banyan flip ${name} legacy --force-legacy --reason "…"`,
  );
}

async function undo(parts: FlipDeskParts, wish: UndoWish, source: Source): Promise<FlipDone | AdminFailure> {
  const last = await readLastFlip(parts.flips);
  if (last === 'unreadable') return refuse('audit_unwritable');
  if (!last) return refuse('flip_refused', 'There is no flip to take back.');
  const plan = await planUndo(parts.texts, parts.file, source, last);
  if (isRefusal(plan)) return plan;
  const reason = wish.reason ?? `takes back flip ${last.id}: ${last.reason}`;
  return carryOut(parts, plan, { author: wish.author, reason, undoes: last.id });
}

function readLastFlip(flips: FlipLog) {
  return flips.lastStanding().catch(() => 'unreadable' as const);
}
