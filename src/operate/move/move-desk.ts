import type { MoveOrder, TenantId, TenantName } from '../../vocabulary/index.ts';
import { type AdminFailure, refuse } from '../admin/problem.ts';
import { startMove } from './begin.ts';
import { orderMoves } from './hand.ts';
import { changeLimits } from './limits.ts';
import type { MoveDone, MoveWish } from './move-wish.ts';
import { changeState } from './pause.ts';
import type { MoveRooms } from './ports.ts';
import { retireMove } from './retire.ts';
import { retryMoves } from './retry.ts';
import { type InstancesView, type MovesView, viewInstances, viewMoves } from './view.ts';

/** What the operators' doors know of moves, and can have done. */
export type MoveDesk = Readonly<{
  view(feature?: string): Promise<MovesView | AdminFailure>;
  instances(): Promise<InstancesView>;
  findOrder(id: number): Promise<MoveOrder | AdminFailure>;
  nameTenants(): Promise<(tenant: TenantId) => TenantName | undefined>;
  carryOut(wish: MoveWish): Promise<MoveDone | AdminFailure>;
}>;

export function openMoveDesk(rooms: MoveRooms): MoveDesk {
  return Object.freeze({
    view: (feature) => viewMoves(rooms, feature),
    instances: () => viewInstances(rooms),
    findOrder: async (id) => (await rooms.moves.findOrder(id)) ?? refuse('order_unknown'),
    nameTenants: async () => {
      const names = new Map((await rooms.listTenants()).map(({ id, name }) => [id, name]));
      return (tenant) => names.get(tenant);
    },
    carryOut: (wish) => carryOut(rooms, wish),
  });
}

function carryOut(rooms: MoveRooms, wish: MoveWish): Promise<MoveDone | AdminFailure> {
  switch (wish.order) {
    case 'start':
      return startMove(rooms, wish.feature, wish.limits);
    case 'pause':
      return changeState(rooms, wish.feature, 'paused', wish);
    case 'resume':
      return changeState(rooms, wish.feature, 'moving', wish);
    case 'retire':
      return retireMove(rooms, wish);
    case 'limits':
      return changeLimits(rooms, wish.feature, wish.limits);
    case 'retry':
      return retryMoves(rooms, wish);
    default:
      return orderMoves(rooms, { ...wish, order: wish.order });
  }
}
