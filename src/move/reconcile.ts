import type {
  Emit,
  FeatureName,
  MoveBook,
  MoveRecord,
  OwnerOf,
  Side,
  TenantId,
  TenantName,
} from '../vocabulary/index.ts';

export type ReconcileWish = Readonly<{
  moves: Pick<MoveBook, 'order'>;
  /** Features that are being moved, as known now. */
  moved: () => readonly MoveRecord[];
  tenants: () => Promise<readonly Readonly<{ id: TenantId; name: TenantName }>[]>;
  /** What table and flags say. */
  declares: (tenant: TenantName, feature: FeatureName) => Side | 'mixed';
  ownerOf: OwnerOf;
  emit: Emit;
  nowMs?: () => number;
}>;

const LOOK_MS = 500;
/** What was refused or failed is ordered again after so long; what is wrong may have been mended. */
const AGAIN_MS = 15_000;
export const RECONCILER = 'route table';

/** Stages and flags declare, the mover makes it so: a flip of a feature whose rows are moved becomes an order for each tenant. */
export function openReconciler(wish: ReconcileWish): Readonly<{ close(): void }> {
  const orderedMs = new Map<string, number>();
  const nowMs = wish.nowMs ?? (() => performance.now());
  let isAtWork = false;
  const look = async () => {
    const moving = wish.moved().filter(({ state }) => state === 'moving');
    if (moving.length === 0) return;
    for (const tenant of await wish.tenants())
      for (const { feature } of moving) await reconcile(tenant, feature);
  };
  const reconcile = async (
    { id, name }: Readonly<{ id: TenantId; name: TenantName }>,
    feature: FeatureName,
  ) => {
    const declared = wish.declares(name, feature);
    if (declared === 'mixed' || declared === wish.ownerOf(name, feature)) return;
    const order = declared === 'new' ? 'hand_over' : 'hand_back';
    const key = `${id} ${feature} ${order}`;
    if (nowMs() - (orderedMs.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return;
    orderedMs.set(key, nowMs());
    orderedMs.delete(`${id} ${feature} ${order === 'hand_over' ? 'hand_back' : 'hand_over'}`);
    await wish.moves.order({ feature, tenant: id, order, author: RECONCILER });
  };
  const timer = setInterval(() => {
    if (isAtWork) return;
    isAtWork = true;
    // A store that is away is told of elsewhere; the next look comes soon.
    look()
      .catch(() => undefined)
      .finally(() => {
        isAtWork = false;
      });
  }, LOOK_MS).unref();
  return { close: () => clearInterval(timer) };
}
