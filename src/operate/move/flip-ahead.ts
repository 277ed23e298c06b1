import type { Side, TenantName } from '../../vocabulary/index.ts';
import { type AdminFailure, refuse } from '../admin/problem.ts';
import type { FlipDone } from '../flip/flip-desk.ts';
import type { FlipWish } from '../flip/flip-plan.ts';
import type { FlagView, RouteView } from '../ports.ts';
import type { MoveWish } from './move-wish.ts';
import type { MoveRooms } from './ports.ts';
import { listNames } from './words.ts';

export type AheadWish = Pick<MoveWish, 'feature' | 'author' | 'reason' | 'whom'> &
  Readonly<{
    side: Side;
    /** For whom the table says something else. */
    tenants: readonly TenantName[];
  }>;

type Change = Partial<Pick<FlipWish, 'subject' | 'stage' | 'percent' | 'tenants' | 'except' | 'move'>>;

/** Makes the table say what is about to be done, by an ordinary flip with author and reason. */
export async function flipAhead(rooms: MoveRooms, wish: AheadWish): Promise<FlipDone | AdminFailure> {
  const { routes, features, flags } = rooms.inForce.current().table;
  const own = routes.filter(({ feature }) => feature === wish.feature);
  const name = features.find((one) => one.name === wish.feature)?.flag;
  const flag = flags.find((one) => one.name === name);
  const refused = refuseHopeless(rooms, wish, own, name);
  if (refused) return refused;
  const change = wish.side === 'new' ? planOver(wish, flag) : planBack(wish, own, flag);
  const { feature: subject, author } = wish;
  return rooms.flips.flip({ ...NOTHING, subject, author, reason: nameReason(wish), ...change });
}

const NOTHING: Omit<FlipWish, 'subject' | 'author' | 'reason'> = {
  stage: undefined,
  percent: undefined,
  tenants: undefined,
  except: undefined,
  move: undefined,
  force: undefined,
  retired: undefined,
  expected: undefined,
};

/** All: by the percentage, so that the list stays short; routes that are further on stay there. */
function planOver({ whom, tenants }: AheadWish, flag: FlagView | undefined): Change {
  if (whom !== 'all') return { stage: 'canary', move: tenants };
  return flag ? { stage: 'canary', percent: 100, move: [] } : { stage: 'new' };
}

/** At stage new nobody asks the flag: so that some can go back, the others are let in by percentage. */
function planBack(
  { whom, tenants }: AheadWish,
  routes: readonly RouteView[],
  flag: FlagView | undefined,
): Change {
  if (whom === 'all') return { stage: 'legacy' };
  const writing = routes.filter(({ methods }) => methods.some((method) => method !== 'GET'));
  if (flag && writing.every(({ stage }) => stage === 'new')) {
    const kept = flag.tenants.filter((name) => !tenants.includes(name));
    return { stage: 'canary', percent: 100, tenants: kept, except: tenants };
  }
  // Reads may be further on: where writes go they go, too, while the rows are moved.
  const asking = writing.find(({ stage }) => stage === 'canary');
  const isAhead =
    asking && routes.some(({ stage }) => stage === 'new') && !writing.some(({ stage }) => stage === 'new');
  return { stage: 'legacy', move: tenants, ...(isAhead && { subject: asking.id }) };
}

function nameReason({ side, reason }: AheadWish): string {
  return reason ?? (side === 'new' ? 'its rows are handed over' : 'its rows are handed back');
}

function refuseHopeless(
  { inForce }: MoveRooms,
  { feature, side, whom, tenants }: AheadWish,
  routes: readonly RouteView[],
  flag: string | undefined,
): AdminFailure | undefined {
  const retired = routes.filter(({ stage }) => stage === 'retired').map(({ id }) => id);
  if (side === 'legacy' && retired.length > 0)
    return refuse(
      'move_refused',
      `${retired.join(', ')} ${retired.length === 1 ? 'is' : 'are'} retired in the table. First: banyan flip ${feature} canary --percent 100 --take-back --reason "…".`,
    );
  const isOurs = inForce.flagSource === 'file' || (side === 'legacy' && whom === 'all');
  if (isOurs) return undefined;
  const before = routes.filter(({ stage }) => stage === 'legacy' || stage === 'shadow');
  const stages =
    side === 'new' && before.length > 0
      ? ` Routes are at stage ${before[0]?.stage}: banyan flip ${feature} canary --reason "…".`
      : '';
  return refuse(
    'move_refused',
    `Flags live in Unleash here: let flag ${flag ?? `of ${feature}`} be ${side === 'new' ? 'on' : 'off'} there for ${listNames(tenants)} (a rule on tenantId, or its rollout). ` +
      `The mover carries it out by itself.${stages}`,
  );
}
