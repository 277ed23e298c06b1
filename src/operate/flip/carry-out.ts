import type { Emit, FlipLog, FlipRecord, Revision } from '../../vocabulary/index.ts';
import { type AdminFailure, refuse } from '../admin/problem.ts';
import type { TableInForce, TableTexts } from '../ports.ts';
import { describeChange } from './change-story.ts';
import { type FlipPlan, refuseMistakes, type Source } from './flip-plan.ts';
import { readTableFile, TableFileTrouble, writeTableFile } from './table-file.ts';

export type FlipDeskParts = Readonly<{
  file: string;
  texts: TableTexts;
  inForce: TableInForce;
  flips: FlipLog;
  emit: Emit;
}>;

export type FlipDone = Readonly<{
  revision: Revision;
  /** What changed, one sentence each; empty where all was so already. */
  story: readonly string[];
  /** Undefined where nothing had to change. */
  flip: FlipRecord | undefined;
}>;

type Signature = Readonly<{ author: string; reason: string; undoes: number | undefined }>;

/** File, then gateway, then log; what cannot be logged is taken back. */
export async function carryOut(
  parts: FlipDeskParts,
  plan: FlipPlan,
  signature: Signature,
): Promise<FlipDone | AdminFailure> {
  const { revision: before } = parts.inForce.current();
  const story = describeChange(plan.before.table, plan.after.table);
  if (plan.before.text === plan.after.text) return { revision: before, story, flip: undefined };
  if (!(await canRead(parts.flips))) return refuse('audit_unwritable');
  const refused = await putInForce(parts, plan.before, plan.after);
  if (refused) return refused;
  const { revision: after } = parts.inForce.current();
  const flip = await writeLog(parts.flips, plan, signature, { before, after });
  if (!flip) return putBack(parts, plan);
  const { author, reason } = signature;
  parts.emit({
    type: 'flip_made',
    author,
    subject: plan.subject,
    from: plan.from,
    to: plan.to,
    reason,
    revision: after,
  });
  return { revision: after, story, flip };
}

/** Asked before the file is touched: a flip that could not be logged should not be served for even a moment. */
function canRead(flips: FlipLog): Promise<boolean> {
  return flips.list(1).then(
    () => true,
    () => false,
  );
}

async function putInForce(
  { file, inForce }: FlipDeskParts,
  from: Source,
  to: Source,
): Promise<AdminFailure | undefined> {
  if ((await readTableFile(file)) !== from.text)
    return refuse(
      'revision_stale',
      'Someone changed the file in this very moment. Look again, then decide again.',
    );
  await writeTableFile(file, to.text);
  const mistakes = await inForce.reload();
  if (mistakes.length === 0) return undefined;
  await writeTableFile(file, from.text);
  return refuseMistakes('The gateway did not take the new table', file, mistakes);
}

function writeLog(
  flips: FlipLog,
  plan: FlipPlan,
  { author, reason, undoes }: Signature,
  revisions: Readonly<{ before: Revision; after: Revision }>,
): Promise<FlipRecord | undefined> {
  const texts = { beforeText: plan.before.text, afterText: plan.after.text };
  const record = { author, reason, subject: plan.subject, change: plan.to, undoes, ...revisions, ...texts };
  return flips.add(record).catch(() => undefined);
}

/** Takes back what could not be logged, unless somebody has edited the file in this very moment: then theirs stays. */
async function putBack({ file, inForce }: FlipDeskParts, plan: FlipPlan): Promise<AdminFailure> {
  try {
    if ((await readTableFile(file)) !== plan.after.text) return refuse('audit_unwritable', EDITED);
    await writeTableFile(file, plan.before.text);
    await inForce.reload();
    return refuse('audit_unwritable');
  } catch (error) {
    if (!(error instanceof TableFileTrouble)) throw error;
    return refuse('audit_unwritable', `The flip is in force, but not in the audit log: ${error.message}`);
  }
}

const EDITED =
  'The audit log could not be written, and somebody edited the table meanwhile. Look at it: this flip is in it without a log line.';
