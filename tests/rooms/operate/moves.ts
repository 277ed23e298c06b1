import type { FeatureName, Position, Side, TenantId } from '../../../src/vocabulary/index.ts';
import { asSuperuser } from '../../support/database.ts';
import type { AdminHouse } from './admin-house.ts';

const AI = 'ai' as FeatureName;

const asOwner = ({ database }: AdminHouse, sql: string) => asSuperuser(sql, database.superUrl);

/** Nobody moves anything, and all tenants follow legacy. */
export function clearMoves(house: AdminHouse): Promise<unknown> {
  return asOwner(
    house,
    `TRUNCATE banyan.move_order, banyan.tenure, banyan.move, banyan.instance, banyan.outbox, banyan.outbox_tenant, banyan.stranger,
       banyan.row_standing, banyan.followed_tenant CASCADE;
     INSERT INTO banyan.follow_position VALUES ('banyan', '0/1', '0/0') ON CONFLICT DO NOTHING;
     INSERT INTO banyan.followed_tenant SELECT id, 'banyan', '0/1' FROM public.tenant`,
  );
}

/** What the mover does, in one go. */
export async function changeOwner({ store }: AdminHouse, tenant: TenantId, owner: Side): Promise<void> {
  const held = await store.mover.hold(tenant, AI);
  const switched = held && (await store.mover.switchTo(held, owner, 17n as Position));
  if (switched) await store.mover.settle(switched);
}

/** Carries out every order that waits; those of `failing` tenants fail. */
export async function carryOutAll(house: AdminHouse, failing: readonly number[] = []): Promise<void> {
  for (;;) {
    const order = await house.store.mover.takeOrder();
    if (!order) return;
    const isDone = !failing.includes(order.tenant);
    if (isDone && (order.order === 'hand_over' || order.order === 'hand_back'))
      await changeOwner(house, order.tenant, order.order === 'hand_over' ? 'new' : 'legacy');
    const detail = isDone ? '12 rows, equal on both sides' : 'Row 3 of ai_job differs.';
    const end = {
      state: isDone ? 'done' : 'failed',
      detail,
      heldMs: 84.5,
      rows: isDone ? 12 : undefined,
    } as const;
    await house.store.mover.endOrder(order.id, end);
  }
}

/** A mover that is there; answers what ends it. */
export function runMover(house: AdminHouse, failing: readonly number[] = []): () => Promise<void> {
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      await carryOutAll(house, failing);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return async () => {
    isOver = true;
    await running;
  };
}

export const putOut = (house: AdminHouse, tenant: TenantId, ageS = 0) =>
  asOwner(
    house,
    `INSERT INTO banyan.outbox (tenant_id, at, feature, table_name, change, key)
       VALUES (${tenant}, clock_timestamp() - interval '${ageS} s', 'ai', 'ai_job', 'insert', '{"id":1}')`,
  );

export const noteStranger = (house: AdminHouse, tenant: TenantId) =>
  asOwner(
    house,
    `INSERT INTO banyan.stranger (tenant_id, position, feature, table_name, change, key)
       VALUES (${tenant}, '0/1', 'ai', 'ai_job', 'update', '{"id":1}')`,
  );

export const partTable = (house: AdminHouse, tenant: TenantId) =>
  asOwner(house, `INSERT INTO banyan.row_standing (tenant_id, table_name) VALUES (${tenant}, 'ai_job')`);

export const unfollow = (house: AdminHouse, tenant: TenantId) =>
  asOwner(house, `DELETE FROM banyan.followed_tenant WHERE tenant_id = ${tenant}`);
