import type { TableChange } from '../../decide/index.ts';
import type { FlipLog, Revision } from '../../vocabulary/index.ts';
import { type AdminFailure, isRefusal, refuse } from '../admin/problem.ts';
import type { FlagView, TableTexts, TableView } from '../ports.ts';
import { listChanges } from './change-story.ts';
import {
  describeSubject,
  editSource,
  type FlipPlan,
  findSubject,
  refuseMistakes,
  type Source,
} from './flip-plan.ts';

export type UndoWish = Readonly<{
  author: string;
  reason: string | undefined;
  expected: Revision | undefined;
}>;
export type StandingFlip = NonNullable<Awaited<ReturnType<FlipLog['lastStanding']>>>;

/**
 * Puts the text from before the flip back where the file is still as the flip left it. Where it was edited since, takes back
 * only what the flip did, and only if nobody has touched just that in between.
 */
export async function planUndo(
  texts: TableTexts,
  file: string,
  now: Source,
  flip: StandingFlip,
): Promise<FlipPlan | AdminFailure> {
  const before = await texts.read(flip.beforeText);
  const after = await texts.read(flip.afterText);
  const old = `The table from flip ${flip.id} is no good table any more`;
  if (before.kind === 'mistakes') return refuseMistakes(old, file, before.mistakes);
  if (after.kind === 'mistakes') return refuseMistakes(old, file, after.mistakes);
  if (now.text === flip.afterText) return nameEnds(flip, now, { text: flip.beforeText, table: before.table });
  const target = await takeBack(texts, file, now, { flip, before: before.table, after: after.table });
  return isRefusal(target) ? target : nameEnds(flip, now, target);
}

function nameEnds(flip: StandingFlip, before: Source, after: Source): FlipPlan {
  const name = (table: TableView) => {
    const subject = findSubject(table, flip.subject);
    return 'kind' in subject ? 'not listed' : describeSubject(subject);
  };
  return {
    subject: flip.subject as FlipPlan['subject'],
    before,
    after,
    from: name(before.table),
    to: name(after.table),
  };
}

type Step = Readonly<{ flip: StandingFlip; before: TableView; after: TableView }>;

async function takeBack(
  texts: TableTexts,
  file: string,
  now: Source,
  step: Step,
): Promise<Source | AdminFailure> {
  const touched = describeTouched(step, now.table);
  if (touched.length === 0) return editSource(texts, file, now, reverse(step));
  const detail =
    `${file} was changed since flip ${step.flip.id}, in just what that flip did: ${touched.join(' ')} ` +
    'Make a new flip that says what you want.';
  return refuse('flip_refused', detail, touched);
}

/** What was changed between the flip and now, of that which the flip itself had changed. */
function describeTouched({ before, after }: Step, now: TableView): readonly string[] {
  const flipped = new Set(listChanges(before, after).map(({ about }) => about));
  return listChanges(after, now)
    .filter(({ about }) => flipped.has(about))
    .map(({ sentence }) => sentence);
}

function reverse({ before, after }: Step): readonly TableChange[] {
  const forces = reverseForces(before, after);
  const stages = before.routes
    .filter((route) => after.routes.some(({ id, stage }) => id === route.id && stage !== route.stage))
    .map(({ id, stage }): TableChange => ({ subject: id, stage, retired: 'take_back' }));
  const flags = before.flags
    .filter((flag) => after.flags.some((other) => other.name === flag.name && !isSameFlag(flag, other)))
    .flatMap((flag) => reverseFlag(before, flag));
  // What is forced goes nowhere: it is released first, and forced again at the end.
  const released = forces.filter(({ force }) => force === 'none');
  return [...released, ...stages, ...flags, ...forces.filter(({ force }) => force === 'legacy')];
}

function reverseForces(before: TableView, after: TableView): readonly TableChange[] {
  const [was, is] = [listForced(before), listForced(after)];
  return [
    ...is.filter((name) => !was.includes(name)).map((subject): TableChange => ({ subject, force: 'none' })),
    ...was.filter((name) => !is.includes(name)).map((subject): TableChange => ({ subject, force: 'legacy' })),
  ];
}

/** Features and routes that carry the word themselves. */
function listForced({ features, routes }: TableView): readonly TableChange['subject'][] {
  return [
    ...features.filter(({ force }) => force !== undefined).map(({ name }) => name),
    ...routes.filter(({ forcedBy }) => forcedBy === 'route').map(({ id }) => id),
  ];
}

function reverseFlag(table: TableView, { name, percent, tenants, except }: FlagView): readonly TableChange[] {
  const feature = table.features.find(({ flag }) => flag === name)?.name;
  const subject = feature ?? table.routes.find(({ flag }) => flag === name)?.id;
  return subject === undefined ? [] : [{ subject, percent, tenants, except }];
}

function isSameFlag(one: FlagView, other: FlagView): boolean {
  return (
    one.percent === other.percent && `${one.tenants}|${one.except}` === `${other.tenants}|${other.except}`
  );
}
