import type { Stage } from '../../vocabulary/index.ts';
import type { FeatureView, FlagView, RouteView, TableView } from '../ports.ts';

/** One difference between two tables, in what a flip can change. `about` names the route, feature or flag that it concerns. */
export type Change = Readonly<{ about: string; sentence: string }>;

export function listChanges(before: TableView, after: TableView): readonly Change[] {
  return [
    ...pair(before.features, after.features, ({ name }) => `Feature ${name}`, describeFeature),
    ...pair(before.routes, after.routes, ({ id }) => `Route ${id}`, describeRoute),
    ...pair(before.flags, after.flags, ({ name }) => `Flag ${name}`, describeFlag),
  ];
}

/** What differs between two tables, one sentence each. Empty where nothing does. */
export function describeChange(before: TableView, after: TableView): readonly string[] {
  return listChanges(before, after).map(({ sentence }) => sentence);
}

function pair<Row>(
  before: readonly Row[],
  after: readonly Row[],
  name: (row: Row) => string,
  describe: (old: Row | undefined, row: Row) => string | undefined,
): readonly Change[] {
  const old = new Map(before.map((row) => [name(row), row]));
  const kept = new Set(after.map(name));
  const changed = after.flatMap((row) => {
    const about = name(row);
    const what = describe(old.get(about), row);
    return what === undefined ? [] : [{ about, sentence: `${about} ${what}.` }];
  });
  const gone = before.map(name).filter((about) => !kept.has(about));
  return [...changed, ...gone.map((about) => ({ about, sentence: `${about} is no longer listed.` }))];
}

function describeRoute(old: RouteView | undefined, route: RouteView): string | undefined {
  if (!old) return `is listed, at stage ${route.stage}`;
  const stage = old.stage === route.stage ? undefined : `goes from ${old.stage} to ${route.stage}`;
  const force = describeForce(old.forcedBy === 'route', route.forcedBy === 'route');
  const parts = [stage, force].filter((part) => part !== undefined);
  return parts.length > 0 ? parts.join(', ') : undefined;
}

/** A feature that is new or gone changes nothing by itself: its routes tell. */
function describeFeature(old: FeatureView | undefined, { force }: FeatureView): string | undefined {
  return describeForce(old?.force !== undefined, force !== undefined);
}

function describeForce(was: boolean, is: boolean): string | undefined {
  if (was === is) return undefined;
  return is ? 'is forced to legacy, whatever stage, flag and testers say' : 'is no longer forced to legacy';
}

function describeFlag(old: FlagView | undefined, flag: FlagView): string | undefined {
  if (!old) return `is new: ${describeReach(flag)}`;
  const parts = [
    old.percent === flag.percent ? undefined : `goes from ${old.percent} % to ${flag.percent} %`,
    describeNames('takes in', flag.tenants, old.tenants),
    describeNames('lets go of', old.tenants, flag.tenants),
    describeNames('excepts', flag.except, old.except),
    describeNames('no longer excepts', old.except, flag.except),
  ].filter((part) => part !== undefined);
  return parts.length > 0 ? parts.join(', ') : undefined;
}

function describeNames(
  verb: string,
  names: readonly string[],
  others: readonly string[],
): string | undefined {
  const own = names.filter((name) => !others.includes(name));
  return own.length > 0 ? `${verb} ${list(own)}` : undefined;
}

const MOST_NAMES = 8;

/** Hundreds of tenants would bury the sentence that they stand in. */
function list(names: readonly string[], separator = ', '): string {
  const rest = names.length - MOST_NAMES;
  const shown = names.slice(0, MOST_NAMES).join(separator);
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

/** `10 % of the tenants, and acme, but never globex`. */
export function describeReach({ percent, tenants, except }: FlagView): string {
  const listed = tenants.length > 0 ? list(tenants) : undefined;
  const share = percent > 0 || !listed ? `${percent} % of the tenants` : undefined;
  const never = except.length > 0 ? `, but never ${list(except)}` : '';
  return `${[share, listed].filter(Boolean).join(', and ')}${never}`;
}

/** Who answers a route, as a person says it. `unleash` where whom the flag reaches is not ours to know. */
export function describeOutcome(
  { stage, forcedBy }: Pick<RouteView, 'stage' | 'forcedBy'>,
  flag: FlagView | 'unleash' | undefined,
): string {
  if (forcedBy) return 'Legacy answers everyone, because the table forces it.';
  if (stage === 'legacy') return 'Legacy answers everyone.';
  if (stage === 'shadow') return 'Legacy answers everyone; the new side is asked afterwards and compared.';
  if (stage === 'new') return 'The new side answers everyone; one flip brings legacy back.';
  if (stage === 'retired') return 'The new side answers everyone; legacy is no longer asked.';
  if (!flag) return 'Legacy answers everyone, because no flag says otherwise.';
  if (flag === 'unleash')
    return 'The new side answers whom the flag in Unleash reaches; legacy answers everyone else.';
  if (flag.percent === 0 && flag.tenants.length === 0)
    return `Legacy answers everyone, because flag ${flag.name} reaches nobody yet.`;
  return `The new side answers ${describeReach(flag)}; legacy answers everyone else.`;
}

/** `canary 10 % acme, not globex; forced to legacy`: the state as the audit log keeps it. */
export function describeState(
  routes: readonly Pick<RouteView, 'stage' | 'forcedBy'>[],
  flag: FlagView | undefined,
): string {
  const forced = routes.filter(({ forcedBy }) => forcedBy !== undefined).length;
  const state = describeReached(
    routes.map(({ stage }) => stage),
    flag,
  );
  if (forced === 0) return state;
  return `${state}; ${forced < routes.length ? 'partly ' : ''}forced to legacy`;
}

function describeReached(stages: readonly Stage[], flag: FlagView | undefined): string {
  const stage = [...new Set(stages)].join('/') || 'no routes';
  if (!flag) return stage;
  const never = flag.except.length > 0 ? `, not ${list(flag.except, ' ')}` : '';
  const named = flag.tenants.length > 0 ? ` ${list(flag.tenants, ' ')}` : '';
  return `${stage} ${flag.percent} %${named}${never}`;
}
