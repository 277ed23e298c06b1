import {
  type Caller,
  DEFAULT_MIRROR_RULES,
  type Decision,
  type FeatureName,
  hasScope,
  type OwnerOf,
  QA_SCOPE,
  type Side,
} from '../vocabulary/index.ts';
import type { FlagReading } from './flag-reader.ts';
import { type Match, NO_PARAMS, type Params } from './route-matcher.ts';
import { asksBreaker, type Ruling, ruleByOwner, ruleByStage, ruleWhileResting, UNLISTED } from './ruling.ts';
import { type Asking, chooseShadow, judgeShadow } from './shadowing.ts';
import type { Snapshot } from './snapshot.ts';
import type { RouteRow } from './table.ts';

const NO_TABLES: readonly string[] = Object.freeze([]);

/** Does the new side of a feature rest after failures? Asking changes nothing. */
export type IsResting = (feature: FeatureName | undefined) => boolean;

/** What counts beside table and flags. */
export type Circumstances = Readonly<{ isResting: IsResting; ownerOf: OwnerOf }>;

/** Reads the flag once, asks the breaker once, and freezes what comes of it. Deciding and explaining both go this way. */
export function makeDecision(
  snapshot: Snapshot,
  match: Match,
  caller: Caller,
  asking: Asking,
  { isResting, ownerOf }: Circumstances,
): Decision {
  const { row } = match;
  if (!row) return describeDecision(snapshot, match, UNLISTED, undefined, undefined, NO_PARAMS);
  const { wish } = asking;
  const honoured = wish !== undefined && hasScope(caller, QA_SCOPE) ? wish : undefined;
  const reading = asksFlag(row) ? readFlagOf(snapshot, row, caller) : undefined;
  const ruling = ruleByStage(row, caller.tenant, reading ?? 'unknown', honoured);
  const owner = ownerOf(caller.tenant, row.feature);
  const owned = owner === undefined ? ruling : ruleByOwner(ruling, owner, match.isSafe);
  const rests = asksBreaker(owned) && isResting(row.feature);
  const final = rests ? ruleWhileResting(owner === undefined ? match.whenResting : 'refuse') : owned;
  const shadow = chooseShadow(judgeShadow(match, final, caller.tenant, asking), final.side);
  const described = owner === undefined ? match : { ...match, ifNewFails: 'refuse' as const };
  const asksNew = final.side === 'new' || shadow === 'new';
  const params = asksNew ? match.paramsOf(asking.path) : NO_PARAMS;
  return describeDecision(snapshot, described, final, shadow, reading, params);
}

/** Only stage canary does, and not while its word could change nothing. */
export function asksFlag({ stage, forcedBy }: RouteRow): boolean {
  return stage === 'canary' && forcedBy === undefined;
}

/** Undefined where there is nothing to ask: no flag on the feature, or no tenant. */
export function readFlagOf(snapshot: Snapshot, row: RouteRow, caller: Caller): FlagReading | undefined {
  if (row.flag === undefined || caller.tenant === undefined) return undefined;
  return snapshot.readFlag(row.flag, caller.tenant, caller.kind === 'known' ? caller.user : undefined);
}

export function isOn(reading: FlagReading | undefined): boolean | undefined {
  if (reading === undefined || reading === 'unknown') return undefined;
  return reading === 'on';
}

function describeDecision(
  { revision }: Snapshot,
  { row, timeoutMs, ifNewFails }: Match,
  { side, reason }: Ruling,
  shadow: Side | undefined,
  reading: FlagReading | undefined,
  params: Params,
): Decision {
  const flag = row && asksFlag(row) ? row.flag : undefined;
  return Object.freeze({
    revision,
    stage: row?.stage ?? 'legacy',
    side,
    shadow,
    mirror: shadow === undefined ? undefined : (row?.mirror ?? DEFAULT_MIRROR_RULES),
    tables: row?.tables ?? NO_TABLES,
    reason,
    timeoutMs,
    // Whoever forces a side wants that side's answer and no other's.
    ifNewFails: reason === 'forced' ? 'refuse' : ifNewFails,
    route: row?.id,
    feature: row?.feature,
    flag: flag === undefined ? undefined : Object.freeze({ name: flag, on: isOn(reading) }),
    handler: row?.handler,
    params,
  });
}
