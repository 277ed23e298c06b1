import { parseFeatureName, parseFlagName } from '../vocabulary/index.ts';
import type { Draft, FeatureDraft, FlagDraft, RouteDraft } from './draft.ts';
import { checkMappings } from './mapping-rules.ts';
import { checkMirrors } from './mirror-rules.ts';
import { suggestNearest, type TablePath } from './mistake.ts';

/** Says that something is wrong at a path: at its value, or at its key. The words are asked for only if there is room for them. */
export type Complain = (path: TablePath, message: string | (() => string), part?: 'value' | 'key') => void;

export type Surroundings = Readonly<{
  /** The new side's handlers, or undefined where nobody knows them. */
  handlers: readonly string[] | undefined;
  /** Where flags live. With `unleash`, a feature may name a flag that the file does not list. */
  flagSource: 'file' | 'unleash';
}>;

/** The rules that look at more than one place of the table. */
export function checkRules(draft: Draft, surroundings: Surroundings, complain: Complain): void {
  for (const flag of draft.flags) checkFlag(flag, complain);
  const tables = new Map<string, string>();
  for (const feature of draft.features) {
    checkFeature(feature, draft, surroundings, complain);
    checkTables(feature, tables, complain);
    checkForceOfAll(feature, draft, complain);
  }
  checkMappings(draft.features, complain);
  for (const { name, mapping } of draft.features)
    for (const { table, leaveOut } of mapping)
      checkRepeats(['features', name, 'mapping', table, 'leave_out'], leaveOut, complain);
  const features = new Map(draft.features.map((feature) => [feature.name, feature]));
  const firstWithId = new Map<string, number>();
  for (const route of draft.routes) {
    checkId(route, firstWithId, complain);
    checkMethods(route, complain);
    checkFeatureOf(route, features, complain);
    checkHandler(route, surroundings, complain);
    checkStage(route, features, complain);
  }
  checkMirrors(draft, complain);
}

function checkFlag({ name, tenants, except }: FlagDraft, complain: Complain): void {
  if (!parseFlagName(name))
    complain(['flags', name], `expected a flag name such as ai-engine (lower case), found "${name}"`, 'key');
  checkRepeats(['flags', name, 'tenants'], tenants, complain);
  checkRepeats(['flags', name, 'except'], except, complain);
  const listed = new Set(tenants);
  for (const [index, tenant] of except.entries())
    if (tenant !== undefined && listed.has(tenant))
      complain(
        ['flags', name, 'except', index],
        `expected each tenant in one list, found "${tenant}" in tenants and in except`,
      );
}

function checkRepeats(path: TablePath, names: readonly (string | undefined)[], complain: Complain): void {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (name === undefined) continue;
    if (seen.has(name)) complain([...path, index], `expected each name once, found "${name}" again`);
    seen.add(name);
  }
}

function checkFeature(feature: FeatureDraft, draft: Draft, around: Surroundings, complain: Complain): void {
  const { name, flag } = feature;
  if (!parseFeatureName(name))
    complain(['features', name], `expected a feature name such as ai (lower case), found "${name}"`, 'key');
  const isKnown = draft.flags.some((known) => known.name === flag);
  if (flag !== undefined && around.flagSource === 'file' && !isKnown)
    complain(
      ['features', name, 'flag'],
      () =>
        `expected a flag listed under flags, found "${flag}"${suggestNearest(flag, namesOf(draft.flags))}`,
    );
}

function checkTables({ name, tables }: FeatureDraft, ownerOf: Map<string, string>, complain: Complain): void {
  checkRepeats(['features', name, 'tables'], tables, complain);
  for (const [index, table] of tables.entries()) {
    if (table === undefined) continue;
    const owner = ownerOf.get(table) ?? name;
    ownerOf.set(table, owner);
    if (owner !== name)
      complain(
        ['features', name, 'tables', index],
        `expected each table in one feature, found "${table}", which is in feature ${owner} already`,
      );
  }
}

/** A brake that stops nothing would be found out on the worst day. */
function checkForceOfAll({ name, force }: FeatureDraft, { routes }: Draft, complain: Complain): void {
  if (!force) return;
  const own = routes.filter(({ feature }) => feature === name);
  if (own.length > 0 && own.every(({ stage }) => stage === 'retired'))
    complain(
      ['features', name, 'force'],
      `expected a route in feature ${name} that legacy can still answer, found retired ones only`,
    );
}

function checkId({ id, index }: RouteDraft, firstWithId: Map<string, number>, complain: Complain): void {
  if (id === undefined) return;
  const first = firstWithId.get(id);
  if (first === undefined) firstWithId.set(id, index);
  else
    complain(
      ['routes', index, 'id'],
      `expected each route id once, found "${id}", which routes[${first}] has already`,
    );
}

function checkMethods({ methods, index }: RouteDraft, complain: Complain): void {
  checkRepeats(['routes', index, 'match', 'method'], methods ?? [], complain);
}

type Features = ReadonlyMap<string, FeatureDraft>;

function checkFeatureOf({ feature, index }: RouteDraft, features: Features, complain: Complain): void {
  if (feature !== undefined && !features.has(feature))
    complain(
      ['routes', index, 'feature'],
      () =>
        `expected a feature listed under features, found "${feature}"${suggestNearest(feature, features.keys())}`,
    );
}

function checkHandler({ handle, index }: RouteDraft, { handlers }: Surroundings, complain: Complain): void {
  if (handle !== undefined && handlers && !handlers.includes(handle))
    complain(
      ['routes', index, 'handle'],
      () => `expected a handler of the new side, found "${handle}"${suggestNearest(handle, handlers)}`,
    );
}

function checkStage(route: RouteDraft, features: Features, complain: Complain): void {
  const { index, stage } = route;
  if (stage === undefined || stage === 'legacy') return;
  const about = ['routes', index, 'stage'];
  if (!route.hasHandle)
    complain(about, `expected a handle beside stage ${stage}, found none: who should answer?`);
  if (stage === 'canary') checkCanary(route, features, complain);
  if (stage === 'retired' && route.ifNewFails === 'legacy')
    complain(
      ['routes', index, 'if_new_fails'],
      'expected refuse, found legacy: a retired route has no way back to legacy',
    );
  if (stage === 'retired' && route.force)
    complain(
      ['routes', index, 'force'],
      'expected a route that legacy can still answer, found a retired one: it cannot be forced to legacy',
    );
}

function checkCanary(
  { index, feature, hasFeature }: RouteDraft,
  features: Features,
  complain: Complain,
): void {
  const about = ['routes', index, 'stage'];
  if (!hasFeature) complain(about, 'expected a feature with a flag beside stage canary, found no feature');
  const known = feature === undefined ? undefined : features.get(feature);
  if (known && !known.hasFlag)
    complain(
      about,
      `expected a flag on feature ${known.name} for stage canary, found none: add flag: to the feature`,
    );
}

function namesOf(entries: readonly Readonly<{ name: string }>[]): readonly string[] {
  return entries.map(({ name }) => name);
}
