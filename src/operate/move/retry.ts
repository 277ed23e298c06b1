import type { TenantName } from '../../vocabulary/index.ts';
import { type AdminFailure, isRefusal, refuse } from '../admin/problem.ts';
import { findTenants, listOrdered } from './hand.ts';
import { DONE, type MoveDone, type MoveWish } from './move-wish.ts';
import type { MoveRooms } from './ports.ts';
import { refuseUnknownMove, type TenantView, viewMoves } from './view.ts';

/**
 * Tries again at once what was refused or failed, instead of after its pause: named tenants at once, also while the move is paused; all of
 * them in waves.
 */
export async function retryMoves(rooms: MoveRooms, wish: MoveWish): Promise<MoveDone | AdminFailure> {
  const view = await viewMoves(rooms, wish.feature);
  if (isRefusal(view)) return view;
  const [shown] = view.moves;
  if (!shown) return refuseUnknownMove(wish.feature, []);
  const { move, tenants } = shown;
  if (move.state === 'retired')
    return refuse('move_refused', `The move of ${move.feature} is retired: it is over.`);
  const chosen =
    wish.whom === 'all' ? { tenants: tenants.filter(hasFailed) } : findTenants(tenants, wish.whom);
  if (isRefusal(chosen)) return chosen;
  const due = chosen.tenants.filter(isAstray);
  for (const side of ['new', 'legacy'] as const)
    await order(rooms, wish, {
      move,
      side,
      due: due.filter(({ declared }) => declared === side),
    });
  const orders = await listOrdered(rooms, move.feature, due);
  const settled: readonly TenantName[] = chosen.tenants
    .filter((one) => !isAstray(one))
    .map(({ tenant }) => tenant.name);
  return { ...DONE, changed: due.length > 0, orders, settled };
}

const isAstray = ({ declared, owner }: TenantView) => declared !== 'mixed' && declared !== owner;
const hasFailed = (one: TenantView) => isAstray(one) && one.order?.state === 'failed';

type Due = Readonly<{
  move: Parameters<typeof refuseUnknownMove>[1][number];
  side: 'new' | 'legacy';
  due: readonly TenantView[];
}>;

async function order(
  { moves }: MoveRooms,
  { whom, author }: MoveWish,
  { move: { feature }, side, due }: Due,
): Promise<void> {
  const kind = side === 'new' ? 'hand_over' : 'hand_back';
  const tenants = due.map(({ tenant }) => tenant.id);
  if (whom === 'all') {
    if (tenants.length > 0) await moves.queue({ feature, tenants, order: kind, author, manner: 'fresh' });
    return;
  }
  for (const tenant of tenants) await moves.order({ feature, tenant, order: kind, author });
}
