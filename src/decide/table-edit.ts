import type { FeatureName, RouteId, Stage, TenantName } from '../vocabulary/index.ts';
import { findBucket } from './bucket.ts';
import { findForceRefusal } from './edit-force.ts';
import { describeSubject, findSubject, refuseUnknown, type Subject } from './edit-subject.ts';
import type { Mistake } from './mistake.ts';
import { mistakeAt } from './schema-mistakes.ts';
import type { FlagEntry, RouteRow, Table } from './table.ts';
import { findPair, parseTableText, type TableDocument } from './table-document.ts';
import { readTable } from './table-reader.ts';
import type { Surroundings } from './table-rules.ts';
import { applyEdits, editList, editScalar, removePair, type TextEdit } from './text-edit.ts';

/** A flip, in the words of the table. What is left out stays as it is. */
export type TableChange = Readonly<{
  /** A route, or a feature: all its routes. */
  subject: RouteId | FeatureName;
  stage?: Stage | undefined;
  /** Of the feature's flag. */
  percent?: number | undefined;
  /** The flag is always on for exactly these. */
  tenants?: readonly TenantName[] | undefined;
  /** The flag is always off for exactly these. */
  except?: readonly TenantName[] | undefined;
  /**
   * Only these tenants go to `stage`. To canary or new: into the flag's tenants, and routes still before canary go there. To legacy: out
   * of tenants, and into except if the percentage would hold them.
   */
  move?: readonly TenantName[] | undefined;
  /**
   * `legacy` lets legacy answer the whole subject, whatever else is said; `none` ends that. The stage and the flag stay as they are. A
   * subject that is forced goes nowhere else without either.
   */
  force?: 'legacy' | 'none' | undefined;
  /** Retired routes are left alone without it. */
  retired?: 'take_back' | undefined;
}>;

export type EditResult =
  | Readonly<{ kind: 'edited'; text: string; table: Table; before: string; after: string }>
  | Readonly<{ kind: 'mistakes'; mistakes: readonly Mistake[] }>;

export type Bench = Readonly<{
  text: string;
  table: Table;
  document: TableDocument;
  subject: Subject;
  change: TableChange;
}>;

/** Makes a change in the text of a good table, and answers the new text if that is a good table too. Comments and order stay. Pure. */
export function editTable(
  text: string,
  change: TableChange,
  surroundings: Partial<Surroundings> = {},
): EditResult {
  const read = readTable(text, surroundings);
  if (read.kind === 'mistakes') return read;
  const document = parseTableText(text);
  const subject = findSubject(read.table, change.subject);
  if (!subject) return refuse(refuseUnknown(document, read.table, change.subject));
  const bench = { text, table: read.table, document, subject, change };
  const refused = findForceRefusal(bench) ?? findRefusal(bench);
  if (refused) return refuse(refused);
  const edited = applyEdits(text, [...editStages(bench), ...editFlag(bench), ...editForce(bench)]);
  const after = readTable(edited, surroundings);
  if (after.kind === 'mistakes') return after;
  const changed = findSubject(after.table, change.subject) ?? subject;
  return {
    kind: 'edited',
    text: edited,
    table: after.table,
    before: describeSubject(subject),
    after: describeSubject(changed),
  };
}

function refuse(...mistakes: readonly Mistake[]): EditResult {
  return { kind: 'mistakes', mistakes };
}

function findRefusal({ document, table, subject, change }: Bench): Mistake | undefined {
  const { stage, percent, move, retired } = change;
  const at = (row: RouteRow, message: string) =>
    mistakeAt(document, ['routes', table.rows.indexOf(row), 'stage'], 'value', message);
  const whole = (message: string) => mistakeAt(document, [], 'value', message);
  const [only] = subject.rows;
  if (stage !== undefined && stage !== 'retired' && retired !== 'take_back' && only?.stage === 'retired')
    if (subject.rows.every((row) => row.stage === 'retired'))
      return at(
        only,
        `expected a route that legacy can still answer, found ${only.id} retired: say so if you really take it back (--take-back on the command line, take_back_retired in the API)`,
      );
  const asksFlag =
    percent !== undefined ||
    move !== undefined ||
    change.tenants !== undefined ||
    change.except !== undefined;
  if (asksFlag && !subject.flag)
    return whole(
      `expected a feature with a flag, found ${subject.name} without one: its stage concerns all tenants`,
    );
  if (percent !== undefined && stage !== undefined && stage !== 'canary')
    return whole(`expected stage canary beside a percentage, found ${stage}: no other stage asks the flag`);
  if (move === undefined) return undefined;
  if (stage !== 'canary' && stage !== 'new' && stage !== 'legacy')
    return whole(`expected canary, new or legacy as the stage of single tenants, found ${stage ?? 'none'}`);
  const deaf = subject.rows.find((row) => row.stage === 'new' || row.stage === 'retired');
  if (deaf && stage === 'legacy')
    return at(
      deaf,
      `expected stage canary for tenants to go back one by one, found ${deaf.stage}, which does not ask the flag`,
    );
  return undefined;
}

function editStages({ text, table, document, subject, change }: Bench): readonly TextEdit[] {
  return subject.rows.flatMap((row) => {
    const stage = chooseStage(row, change);
    if (stage === undefined || stage === row.stage) return [];
    const node = document.yaml?.getIn(['routes', table.rows.indexOf(row)], true);
    return editScalar(text, node as Parameters<typeof editScalar>[1], 'stage', stage, 'id');
  });
}

function chooseStage(row: RouteRow, { stage, move, retired }: TableChange): Stage | undefined {
  if (row.stage === 'retired' && retired !== 'take_back') return undefined;
  if (move === undefined) return stage;
  const isBefore = row.stage === 'legacy' || row.stage === 'shadow';
  return isBefore && stage !== 'legacy' ? 'canary' : undefined;
}

function editFlag({ text, document, subject: { flag }, change }: Bench): readonly TextEdit[] {
  if (!flag) return [];
  const node = document.yaml?.getIn(['flags', flag.name], true) as Parameters<typeof editScalar>[1];
  const { percent = flag.percent, tenants, except } = wishFlag(flag, change);
  return [
    ...(percent === flag.percent ? [] : editScalar(text, node, 'percent', String(percent))),
    ...editList(text, node, 'tenants', tenants),
    ...editList(text, node, 'except', except),
  ];
}

function wishFlag(flag: FlagEntry, { stage, percent, tenants, except, move = [] }: TableChange) {
  const listed = tenants ?? flag.tenants;
  const excepted = except ?? flag.except;
  const without = (names: readonly TenantName[]) => names.filter((name) => !move.includes(name));
  if (stage !== 'legacy')
    return { percent, tenants: [...without(listed), ...new Set(move)], except: without(excepted) };
  const held = move.filter((name) => findBucket(flag.name, name) < (percent ?? flag.percent));
  return { percent, tenants: without(listed), except: [...without(excepted), ...held] };
}

function editForce({ text, table, document, subject, change: { force } }: Bench): readonly TextEdit[] {
  if (force === undefined) return [];
  const [row] = subject.rows;
  const path =
    subject.kind === 'feature' ? ['features', subject.name] : ['routes', row && table.rows.indexOf(row)];
  const node = document.yaml?.getIn(path, true) as Parameters<typeof editScalar>[1];
  if (force === 'none') return removePair(text, node, 'force');
  const neighbour = subject.kind === 'feature' ? 'flag' : findPair(node, 'stage') ? 'stage' : 'id';
  return editScalar(text, node, 'force', force, neighbour);
}
