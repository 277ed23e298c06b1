import type { Mistake, TableChange } from '../../decide/index.ts';
import type { FeatureName, Revision, RouteId, Stage, TenantName } from '../../vocabulary/index.ts';
import { type AdminFailure, isRefusal, refuse } from '../admin/problem.ts';
import { suggestName } from '../nearest-name.ts';
import { type FlagView, printRefusals, type RouteView, type TableTexts, type TableView } from '../ports.ts';
import { describeState } from './change-story.ts';

export type FlipWish = Readonly<{
  /** A route id or a feature name, as it was typed. */
  subject: string;
  stage: Stage | undefined;
  percent: number | undefined;
  tenants: readonly TenantName[] | undefined;
  except: readonly TenantName[] | undefined;
  /** Only these go to the stage. */
  move: readonly TenantName[] | undefined;
  /** `legacy` lets legacy answer everybody, whatever else is said; `none` ends that. */
  force: 'legacy' | 'none' | undefined;
  /** Retired routes stay so without it. */
  retired: 'take_back' | undefined;
  author: string;
  reason: string;
  /** The revision that the author has seen; undefined takes whatever is in force. */
  expected: Revision | undefined;
}>;

/** One good text of the table. */
export type Source = Readonly<{ text: string; table: TableView }>;

/** A flip that may be carried out: both texts are good tables. */
export type FlipPlan = Readonly<{
  subject: RouteId | FeatureName;
  before: Source;
  after: Source;
  from: string;
  to: string;
}>;

/** What a route id or a feature name stands for: its routes, and the flag that they share. */
export type Subject = Readonly<{
  name: RouteId | FeatureName;
  routes: readonly RouteView[];
  flag: FlagView | undefined;
}>;

export function findSubject(table: TableView, name: string): Subject | AdminFailure {
  const route = table.routes.find(({ id }) => id === name);
  const feature = table.features.find((known) => known.name === name);
  const flagName = feature?.flag ?? route?.flag;
  const flag = table.flags.find((known) => known.name === flagName);
  if (feature) return { name: feature.name, routes: table.routes.filter((r) => r.feature === name), flag };
  if (route) return { name: route.id, routes: [route], flag };
  return refuseUnknown(table, name);
}

function refuseUnknown(table: TableView, name: string): AdminFailure {
  const known = [...table.features.map((feature) => feature.name), ...table.routes.map(({ id }) => id)];
  const sentence = `"${name}" is neither a route nor a feature of the table.`;
  return refuse('route_unknown', sentence + suggestName(name, known));
}

export function describeSubject({ routes, flag }: Subject): string {
  return describeState(routes, routes.some(({ stage }) => stage === 'canary') ? flag : undefined);
}

/** Makes the change in the text and looks at the result as the gateway will. */
export async function planFlip(
  texts: TableTexts,
  file: string,
  before: Source,
  wish: FlipWish,
): Promise<FlipPlan | AdminFailure> {
  const subject = findSubject(before.table, wish.subject);
  if (isRefusal(subject)) return subject;
  const after = await editSource(texts, file, before, listTableChanges(before.table, subject, wish));
  if (isRefusal(after)) return after;
  const changed = findSubject(after.table, subject.name);
  if (isRefusal(changed)) return changed;
  return {
    subject: subject.name,
    before,
    after,
    from: describeSubject(subject),
    to: describeSubject(changed),
  };
}

/** Whoever releases a feature releases its routes, too, those that were forced one by one. */
function listTableChanges(table: TableView, { name }: Subject, wish: FlipWish): readonly TableChange[] {
  const { stage, percent, tenants, except, move, force, retired } = wish;
  const isFeature = table.features.some((feature) => feature.name === name);
  const forced = table.routes.filter(({ feature, forcedBy }) => feature === name && forcedBy === 'route');
  const released = force === 'none' && isFeature ? forced : [];
  return [
    ...released.map(({ id }): TableChange => ({ subject: id, force: 'none' })),
    { subject: name, stage, percent, tenants, except, move, force, retired },
  ];
}

/** Makes the changes one after the other; each must leave a good table. */
export async function editSource(
  texts: TableTexts,
  file: string,
  before: Source,
  changes: readonly TableChange[],
): Promise<Source | AdminFailure> {
  let source = before;
  for (const change of changes) {
    const edited = await texts.edit(source.text, change);
    if (edited.kind === 'mistakes') return refuseMistakes('The flip cannot be made', file, edited.mistakes);
    source = { text: edited.text, table: edited.table };
  }
  return source;
}

export function refuseMistakes(what: string, file: string, mistakes: readonly Mistake[]): AdminFailure {
  const lines = printRefusals(file, mistakes);
  return refuse('flip_refused', `${what}: ${lines.join('; ')}.`, lines);
}
