import {
  type Caller,
  DEFAULT_MIRROR_RULES,
  type Decision,
  type FeatureName,
  hasScope,
  QA_SCOPE,
  type Side,
} from '../vocabulary/index.ts';
import type { FlagReading } from './flag-reader.ts';
import type { Match } from './route-matcher.ts';
import { asksBreaker, type Ruling, ruleByStage, ruleWhileResting, UNLISTED } from './ruling.ts';
import { type Asking, chooseShadow, judgeShadow } from './shadowing.ts';
import type { Snapshot } from './snapshot.ts';
import type { RouteRow } from './table.ts';

const NO_TABLES: readonly string[] = Object.freeze([]);

/** Is a request kept from the new side of a feature? Deciding may start a probe by asking; explaining must not. */
export type HoldsBack = (feature: FeatureName | undefined, deadlineMs: number) => boolean;

/** Reads the flag once, asks the breaker once, and freezes what comes of it. Deciding and explaining both go this way. */
export function makeDecision(
  snapshot: Snapshot,
  match: Match,
  caller: Caller,
  asking: Asking,
  holdsBack: HoldsBack,
): Decision {
  const { row } = match;
  if (!row) return describeDecision(snapshot, match, UNLISTED, undefined, undefined);
  const { wish } = asking;
  const honoured = wish !== undefined && hasScope(caller, QA_SCOPE) ? wish : undefined;
  const reading = row.stage === 'canary' ? readFlagOf(snapshot, row, caller) : undefined;
  const ruling = ruleByStage(row, caller.tenant, reading ?? 'unknown', honoured);
  const isHeldBack = asksBreaker(ruling) && holdsBack(row.feature, match.timeoutMs);
  const final = isHeldBack ? ruleWhileResting(match.whenResting) : ruling;
  const shadow = chooseShadow(judgeShadow(match, final, caller.tenant, asking), final.side);
  return describeDecision(snapshot, match, final, shadow, reading);
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
  { row, params, timeoutMs, ifNewFails }: Match,
  { side, reason }: Ruling,
  shadow: Side | undefined,
  reading: FlagReading | undefined,
): Decision {
  const flag = row?.stage === 'canary' ? row.flag : undefined;
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
