import {
  type AdmitPolicy,
  type BreakerState,
  type Caller,
  DEFAULT_MIRROR_RULES,
  type Decision,
  type FeatureName,
  type IfNewFails,
  type MirrorRules,
  type NewSideRest,
  type OwnerOf,
  type Reason,
  type Revision,
  type RouteId,
  type Side,
  type Stage,
  type TenantName,
  type UserId,
} from '../vocabulary/index.ts';
import { adviseChange, adviseListing } from './advice.ts';
import { asksFlag, isOn, makeDecision, readFlagOf } from './decision.ts';
import { type FlagStory, tellFlag } from './flag-story.ts';
import type { Match } from './route-matcher.ts';
import { judgeShadow, tellShadow } from './shadowing.ts';
import type { Snapshot } from './snapshot.ts';
import type { RouteRow } from './table.ts';

export type Question = Readonly<{
  method: string;
  /** The canonical path; a query is cut off. */
  path: string;
  tenant?: TenantName | undefined;
  user?: UserId | undefined;
  /** As if a caller with scope `qa` had forced this side. */
  wish?: Side | undefined;
  /** As if it asked for a WebSocket. */
  upgrade?: true | undefined;
}>;

/** Who would answer a request, why, and what would change it. Made by the code that decides, hence never at odds with it. */
export type Explanation = Readonly<{
  revision: Revision;
  method: string;
  path: string;
  tenant: TenantName | undefined;
  user: UserId | undefined;
  route: RouteId | undefined;
  /** The path template that matched. */
  template: string | undefined;
  feature: FeatureName | undefined;
  stage: Stage | undefined;
  /** Where the table forces the route to legacy: the route itself, or its feature. */
  forcedBy: RouteRow['forcedBy'];
  handler: string | undefined;
  admit: AdmitPolicy;
  timeoutMs: number;
  ifNewFails: IfNewFails;
  flag: FlagStory | undefined;
  breaker: BreakerState | undefined;
  side: Side;
  shadow: Side | undefined;
  /** How the two answers would be compared. */
  mirror: MirrorRules | undefined;
  reason: Reason;
  /** Who answers and why; where it matters, also whether the other side is asked afterwards. One to three sentences. */
  why: string;
  /** One sentence each. */
  wouldChange: readonly string[];
}>;

export function explainDecision(
  snapshot: Snapshot,
  question: Question,
  newSide: NewSideRest,
  place: (caller: Caller) => Caller,
  ownerOf: OwnerOf,
): Explanation {
  const method = question.method.toUpperCase();
  const path = question.path.replace(/[?#].*$/s, '');
  const caller = place(imagineCaller(question));
  const match = snapshot.find(method, path);
  const asking = { wish: question.wish, upgrade: question.upgrade ?? false, path };
  const decision = makeDecision(snapshot, match, caller, asking, { isResting: newSide.isResting, ownerOf });
  const shadowing = judgeShadow(match, decision, caller.tenant, asking);
  const percent = match.row?.mirror?.percent ?? DEFAULT_MIRROR_RULES.percent;
  const flag = tellFlagOf(snapshot, match, caller);
  const { revision, route, feature, handler, timeoutMs, ifNewFails, side, shadow, mirror, reason } = decision;
  return {
    revision,
    method,
    path,
    tenant: question.tenant,
    user: question.user,
    route,
    template: match.row?.path,
    feature,
    stage: match.row?.stage,
    forcedBy: match.row?.forcedBy,
    handler,
    admit: match.admit,
    timeoutMs,
    ifNewFails,
    flag,
    breaker: feature && newSide.state(feature),
    side,
    shadow,
    mirror,
    reason,
    why: [tellWhy(decision, flag, `${method} ${path}`), tellShadow(shadowing, side, percent)]
      .filter(Boolean)
      .join(' '),
    wouldChange: match.row
      ? adviseChange(match.row, decision, flag, caller.tenant)
      : adviseListing(snapshot, method, path),
  };
}

function imagineCaller({ tenant, user, wish }: Question): Caller {
  if (tenant === undefined || (user === undefined && wish === undefined))
    return { kind: 'anonymous', tenant };
  const scopes = wish === undefined ? [] : ['qa'];
  return {
    kind: 'known',
    tenant,
    user: user ?? (1 as UserId),
    scopes,
    by: 'api_key',
    credentialId: 'explain',
  };
}

function tellFlagOf(snapshot: Snapshot, { row }: Match, caller: Caller): FlagStory | undefined {
  if (row?.flag === undefined) return undefined;
  const reading = readFlagOf(snapshot, row, caller);
  const facts = { isAsked: asksFlag(row), on: isOn(reading), reading };
  return tellFlag(snapshot, row.flag, caller.tenant, facts);
}

const WHY: Readonly<Record<Reason, string>> = {
  unlisted: 'The table lists no such route, so legacy answers.',
  stage_legacy: 'The route is at stage legacy, so legacy answers.',
  stage_shadow: 'The route is at stage shadow, so legacy answers.',
  stage_new: 'The route is at stage new, so the new side answers every tenant.',
  stage_retired: 'The route is retired: only the new side is left to answer.',
  flag_on: 'The flag is on, so the new side answers.',
  flag_shadow: 'The flag says shadow, so legacy answers.',
  flag_off: 'The flag is off, so legacy answers.',
  flag_unknown: 'The flag is not known, so legacy answers to be safe.',
  no_tenant: 'The request names no tenant that the new side knows, so legacy answers.',
  breaker_open: 'The new side rests after failures, so legacy answers.',
  owner: "The feature's rows are being moved, and requests go where the tenant's rows are.",
  forced_legacy:
    'The table forces the route to legacy, so legacy answers, whatever stage, flag and testers say.',
  forced: 'A caller with scope qa has forced this side.',
};
const REFUSED_WHILE_RESTING =
  'The new side rests after failures, and legacy must not take its place here, so the request is refused at once.';

function tellWhy({ side, reason }: Decision, flag: FlagStory | undefined, request: string): string {
  if (reason === 'unlisted') return `${WHY.unlisted.replace('no such route', `no route for ${request}`)}`;
  if (reason === 'breaker_open' && side === 'new') return REFUSED_WHILE_RESTING;
  return reason.startsWith('flag_') && flag
    ? `${flag.why} ${WHY[reason].replace(/^.*, so (.)/, (_, first) => `So ${first}`)}`
    : WHY[reason];
}
