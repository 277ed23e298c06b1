import { setTimeout as wait } from 'node:timers/promises';
import type { OrderJson } from '../admin/move-shapes.ts';
import type { AdminClient } from './admin-client.ts';

const LOOK_MS = 100;
// As many as the mover has in hand, and a few more: it takes them in their order.
const ASKED_AT_ONCE = 8;

export const hasEnded = ({ state }: Pick<OrderJson, 'state'>) => state !== 'waiting' && state !== 'running';

/** Asks until every order has ended. Calls back with all of them as they are known, after each look. */
export async function watchOrders(
  client: AdminClient,
  begun: readonly OrderJson[],
  /** Answers whether it is worth waiting for more. */
  onLook: (orders: readonly OrderJson[]) => Promise<'go on' | 'enough'>,
): Promise<readonly OrderJson[]> {
  const known = new Map(begun.map((order) => [order.id, order]));
  for (;;) {
    const wish = await onLook([...known.values()]);
    const open = [...known.values()].filter((order) => !hasEnded(order)).toSorted((a, b) => a.id - b.id);
    if (open.length === 0 || wish === 'enough') return [...known.values()];
    await wait(LOOK_MS);
    const asked = open.slice(0, ASKED_AT_ONCE);
    const now = await Promise.all(asked.map(({ id }) => client.get<OrderJson>(`/api/moves/${id}`)));
    for (const order of now) known.set(order.id, order);
  }
}
