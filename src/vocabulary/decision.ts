import type { FeatureName, FlagName, Revision, RouteId } from './ids.ts';
import type { MirrorRules } from './shadow.ts';

/** The two implementations that can answer. */
export type Side = 'legacy' | 'new';
export const SIDES = ['legacy', 'new'] as const satisfies readonly Side[];

/** How far a route has come, in the order in which it goes there. */
export type Stage = 'legacy' | 'shadow' | 'canary' | 'new' | 'retired';
export const STAGES = ['legacy', 'shadow', 'canary', 'new', 'retired'] as const satisfies readonly Stage[];

/** Why a side was chosen. A closed list: it is a metric label. */
export type Reason =
  | 'unlisted'
  | 'stage_legacy'
  | 'stage_shadow'
  | 'stage_new'
  | 'stage_retired'
  | 'flag_on'
  | 'flag_shadow'
  | 'flag_off'
  | 'flag_unknown'
  | 'no_tenant'
  | 'breaker_open'
  | 'forced_legacy'
  | 'forced'
  | 'owner';
export const REASONS = [
  'unlisted',
  'stage_legacy',
  'stage_shadow',
  'stage_new',
  'stage_retired',
  'flag_on',
  'flag_shadow',
  'flag_off',
  'flag_unknown',
  'no_tenant',
  'breaker_open',
  'forced_legacy',
  'forced',
  'owner',
] as const satisfies readonly Reason[];

/** The breaker of one side of one feature: `open` while the side rests, `half_open` while one request tries it. */
export type BreakerState = 'closed' | 'half_open' | 'open';
export const BREAKER_STATES = ['closed', 'half_open', 'open'] as const satisfies readonly BreakerState[];

export type BreakerView = Readonly<{ feature: FeatureName; side: Side; state: BreakerState }>;

/** What decide asks of the new side's breakers. */
export type NewSideRest = Readonly<{
  /** Would the next request be kept from the new side? Changes nothing: a probe begins where it gets its place. */
  isResting(feature: FeatureName | undefined): boolean;
  state(feature: FeatureName | undefined): BreakerState;
}>;

/** What happens when the new side fails before any write can have happened. */
export type IfNewFails = 'legacy' | 'refuse';

/** Who answers one request, and why. Made once per request, frozen, logged with its revision. */
export type Decision = Readonly<{
  revision: Revision;
  stage: Stage;
  side: Side;
  /** The side that mirror asks afterwards. */
  shadow: Side | undefined;
  /** How its answer will be compared; set where `shadow` is. */
  mirror: MirrorRules | undefined;
  /** The tables of the route's feature. */
  tables: readonly string[];
  reason: Reason;
  timeoutMs: number;
  ifNewFails: IfNewFails;
  /** Undefined where the table lists no such route: legacy answers. */
  route: RouteId | undefined;
  feature: FeatureName | undefined;
  flag: Readonly<{ name: FlagName; on: boolean | undefined }> | undefined;
  /** The new side's handler, `feature/name`, where the route has one. */
  handler: string | undefined;
  /** What the path template's parameters matched, as they stand in the canonical path. Empty where the new side is not asked, which alone reads them. */
  params: Readonly<Record<string, string>>;
}>;
