import type {
  FeatureName,
  FlipRecord,
  MoveOrder,
  MoveRecord,
  Side,
  TenantName,
} from '../../vocabulary/index.ts';
import { type AdminFailure, isRefusal, refuse } from '../admin/problem.ts';
import { suggestName } from '../nearest-name.ts';
import { flipAhead } from './flip-ahead.ts';
import { keepLimits } from './limits.ts';
import { DONE, type MoveDone, type MoveWish } from './move-wish.ts';
import type { MoveRooms, Tenant } from './ports.ts';
import { isOpen, refuseUnknownMove, type TenantView, viewMoves } from './view.ts';
import { listNames } from './words.ts';

export type TenantOrder = MoveWish & Readonly<{ order: 'hand_over' | 'hand_back' | 'verify' | 'rehearse' }>;

export const WANTED: Readonly<Record<TenantOrder['order'], Side | undefined>> = {
  hand_over: 'new',
  hand_back: 'legacy',
  verify: undefined,
  rehearse: undefined,
};

/**
 * Orders for single tenants, or all. Where table and flags do not say so, they are made to say it first: else the order would be taken back
 * by the very next look at the table.
 */
export async function orderMoves(rooms: MoveRooms, wish: TenantOrder): Promise<MoveDone | AdminFailure> {
  const view = await viewMoves(rooms, wish.feature);
  if (isRefusal(view)) return view;
  const [shown] = view.moves;
  if (!shown) return refuseUnknownMove(wish.feature, []);
  const refused = refuseState(shown.move, wish);
  if (refused) return refused;
  const chosen = chooseTenants(rooms, shown.tenants, wish);
  if (isRefusal(chosen)) return chosen;
  const limited = await keepLimits(rooms, shown.move.feature, wish.limits);
  const flipped = await declare(rooms, chosen.tenants, wish);
  if (isRefusal(flipped)) return flipped;
  return place(rooms, shown.move.feature, {
    ...wish,
    ...chosen,
    ...flipped,
    story: [...limited, ...chosen.story],
  });
}

function refuseState({ feature, state }: MoveRecord, { order }: TenantOrder): AdminFailure | undefined {
  if (state === 'retired')
    return refuse(
      'move_refused',
      `The move of ${feature} is retired: nothing can be handed over or back, or compared.`,
    );
  if (state === 'paused' && order === 'hand_over')
    return refuse(
      'move_refused',
      `The move of ${feature} is paused. To go on: banyan move resume ${feature}.`,
    );
  return undefined;
}

type Chosen = Readonly<{ tenants: readonly TenantView[]; story: readonly string[] }>;

/** Whom a list keeps on legacy is not meant by "all". */
function chooseTenants(
  { inForce }: MoveRooms,
  known: readonly TenantView[],
  { whom, order, feature }: TenantOrder,
): Chosen | AdminFailure {
  if (whom !== 'all') return findTenants(known, whom);
  if (order !== 'hand_over' && order !== 'rehearse') return { tenants: known, story: [] };
  const { features, flags } = inForce.current().table;
  const flag = flags.find(({ name }) => name === features.find((one) => one.name === feature)?.flag);
  const kept = known.filter(({ tenant, owner }) => owner === 'legacy' && flag?.except.includes(tenant.name));
  const names = kept.map(({ tenant }) => tenant.name);
  return {
    tenants: known.filter((one) => !kept.includes(one)),
    story:
      names.length > 0
        ? [`Flag ${flag?.name} excepts ${listNames(names)}: legacy keeps what it has of them.`]
        : [],
  };
}

export function findTenants(
  known: readonly TenantView[],
  names: readonly TenantName[],
): Chosen | AdminFailure {
  const all = known.map(({ tenant }) => tenant.name);
  const strangers = names.filter((name) => !all.includes(name));
  if (strangers.length > 0)
    return refuse(
      'body_invalid',
      strangers.map((name) => `There is no tenant "${name}".${suggestName(name, all)}`).join(' '),
    );
  return { tenants: known.filter(({ tenant }) => names.includes(tenant.name)), story: [] };
}

type Declaring = Readonly<{ flip: FlipRecord | undefined; flipStory: readonly string[] }>;

/** What was not as it should be before and is not now would be undone. */
async function declare(
  rooms: MoveRooms,
  tenants: readonly TenantView[],
  wish: TenantOrder,
): Promise<Declaring | AdminFailure> {
  const side = WANTED[wish.order];
  const listAstray = () =>
    tenants
      .map(({ tenant }) => tenant.name)
      .filter((name) => rooms.inForce.declares(name, wish.feature as FeatureName) !== side);
  const astray = listAstray();
  if (side === undefined || astray.length === 0) return { flip: undefined, flipStory: [] };
  const done = await flipAhead(rooms, { ...wish, side, tenants: astray });
  if (isRefusal(done)) return done;
  const still = listAstray();
  if (still.length === 0) return { flip: done.flip, flipStory: done.story };
  return refuse(
    'move_refused',
    `${['The table was flipped, but', ...done.story].join(' ')} It still does not send all writes of ${wish.feature} to ${side === 'new' ? 'the new side' : 'legacy'} for ${listNames(still)}. ` +
      `See why: banyan explain METHOD PATH --tenant ${still[0]}.`,
  );
}

type Placing = TenantOrder & Chosen & Declaring;

async function place(rooms: MoveRooms, feature: FeatureName, wish: Placing): Promise<MoveDone> {
  const side = WANTED[wish.order];
  // What the new side owns already cannot be rehearsed, and need not.
  const settled = wish.order === 'rehearse' ? 'new' : side;
  const isSettled = ({ owner, step, order }: TenantView) =>
    owner === settled && step === 'settled' && !(order && isOpen(order));
  // Who was only to leave, and has not begun to, stays where he is.
  const staying = wish.tenants.filter((one) => one.owner === side && isAboutToLeave(one, wish.order));
  const leaving = staying.flatMap(({ order }) => order?.id ?? []);
  await rooms.moves.withdraw(leaving, { olderThanMs: 0 });
  const due = wish.tenants
    .filter((one) => !isSettled(one) && !staying.includes(one))
    .map(({ tenant }) => tenant);
  const ids = due.map(({ id }) => id);
  const { order, author } = wish;
  if (wish.whom === 'all' && order === 'hand_over')
    await rooms.moves.queue({ feature, tenants: ids, order, author, manner: 'fresh' });
  else for (const tenant of ids) await rooms.moves.order({ feature, tenant, order, author });
  const orders = await listOrdered(
    rooms,
    feature,
    wish.tenants.filter((one) => !isSettled(one)),
  );
  const others = orders.filter((one) => one.order !== wish.order);
  const nameOf = (id: Tenant['id']) => due.find((one) => one.id === id)?.name ?? String(id);
  return {
    ...DONE,
    changed: due.length > 0 || leaving.length > 0 || wish.flip !== undefined,
    flip: wish.flip,
    orders,
    settled: wish.tenants
      .filter((one) => isSettled(one) || staying.includes(one))
      .map(({ tenant }) => tenant.name),
    story: [
      ...wish.flipStory,
      ...wish.story,
      ...(others.length > 0
        ? [`Another order comes first for ${listNames(others.map(({ tenant }) => nameOf(tenant)))}.`]
        : []),
    ],
  };
}

function isAboutToLeave({ step, order }: TenantView, wanted: TenantOrder['order']): boolean {
  const isMove = order?.order === 'hand_over' || order?.order === 'hand_back';
  return step === 'settled' && isMove && order.order !== wanted && order.state === 'waiting';
}

/** The orders of these tenants that are open, or came after what was known of them: a quick one has ended already. */
export async function listOrdered(
  { moveLook }: MoveRooms,
  feature: FeatureName,
  before: readonly TenantView[],
): Promise<readonly MoveOrder[]> {
  const known = new Map(before.map(({ tenant, order }) => [tenant.id, order?.id]));
  return (await moveLook.lastOrders()).filter(
    (one) =>
      one.feature === feature && known.has(one.tenant) && (isOpen(one) || one.id !== known.get(one.tenant)),
  );
}
