import type {
  Emit,
  FeatureName,
  MoveBook,
  MoveOrder,
  MoveRecord,
  OwnerOf,
  Side,
  TenantId,
  TenantName,
} from '../vocabulary/index.ts';

export type ReconcileWish = Readonly<{
  moves: Pick<MoveBook, 'queue' | 'waiting' | 'withdraw'>;
  /** Features that are being moved, as known now. */
  moved: () => readonly MoveRecord[];
  tenants: () => Promise<readonly Tenant[]>;
  /** What table and flags say. */
  declares: (tenant: TenantName, feature: FeatureName) => Side | 'mixed';
  ownerOf: OwnerOf;
  emit: Emit;
  nowMs?: () => number;
}>;

type Tenant = Readonly<{ id: TenantId; name: TenantName }>;
/** What a tenant's feature should come to, and since when this process knows. */
type Due = Readonly<{ side: Side | 'mixed'; askedMs: number }>;
type Queue = Readonly<{ side: Side; manner: 'fresh' | 'repeated'; tenants: readonly TenantId[] }>;

const LOOK_MS = 500;
/** So often the store is asked again for somebody who is due; it knows who is under way, and how long a repetition has to wait. */
const ASK_AGAIN_MS = 3_000;
/** Every process has read a table that was changed by then. */
const AGREED_MS = 5_000;
export const RECONCILER = 'route table';
const WANTED = { hand_over: 'new', hand_back: 'legacy' } as const;

/** Stages and flags declare, the mover makes it so: a flip of a feature whose rows are moved becomes an order for each tenant. */
export function openReconciler(wish: ReconcileWish): Readonly<{ close(): void }> {
  const reconciler = new Reconciler(wish);
  let isAtWork = false;
  const timer = setInterval(() => {
    if (isAtWork) return;
    isAtWork = true;
    // A store that is away is told of elsewhere; the next look comes soon.
    reconciler
      .look()
      .catch(() => undefined)
      .finally(() => {
        isAtWork = false;
      });
  }, LOOK_MS).unref();
  return { close: () => clearInterval(timer) };
}

class Reconciler {
  readonly #wish: ReconcileWish;
  readonly #nowMs: () => number;
  /** By tenant and feature. */
  readonly #known = new Map<string, Due>();
  readonly #paused = new Set<FeatureName>();

  constructor(wish: ReconcileWish) {
    this.#wish = wish;
    this.#nowMs = wish.nowMs ?? (() => performance.now());
  }

  async look(): Promise<void> {
    const moves = this.#wish.moved().filter(({ state }) => state !== 'retired');
    this.#tellPauses(moves);
    if (moves.length === 0) return;
    const tenants = await this.#wish.tenants();
    await this.#withdraw(tenants);
    for (const { feature, state } of moves) if (state === 'moving') await this.#reconcile(feature, tenants);
  }

  /** Who would be carried to where nobody wants him any more does not have to wait for his turn. */
  async #withdraw(tenants: readonly Tenant[]): Promise<void> {
    const waiting = await this.#wish.moves.waiting();
    if (waiting.length === 0) return;
    const names = new Map(tenants.map(({ id, name }) => [id, name]));
    const isUnwanted = ({ tenant, feature, order }: Pick<MoveOrder, 'tenant' | 'feature' | 'order'>) => {
      const name = names.get(tenant);
      if (name === undefined || (order !== 'hand_over' && order !== 'hand_back')) return false;
      return this.#wish.declares(name, feature) !== WANTED[order];
    };
    const unwanted = waiting.filter(isUnwanted).map(({ id }) => id);
    if (unwanted.length > 0) await this.#wish.moves.withdraw(unwanted, { olderThanMs: AGREED_MS });
  }

  async #reconcile(feature: FeatureName, tenants: readonly Tenant[]): Promise<void> {
    const due = new Map<string, Queue>();
    for (const tenant of tenants) {
      const declared = this.#wish.declares(tenant.name, feature);
      const known = this.#known.get(`${tenant.id} ${feature}`);
      if (declared === 'mixed' || declared === this.#wish.ownerOf(tenant.name, feature)) {
        if (known?.side !== declared) this.#note(tenant.id, feature, declared);
        continue;
      }
      const manner = this.#choose(known, declared);
      if (manner === undefined) continue;
      const queue = due.get(`${declared} ${manner}`) ?? { side: declared, manner, tenants: [] };
      due.set(`${declared} ${manner}`, { ...queue, tenants: [...queue.tenants, tenant.id] });
    }
    for (const queue of due.values()) await this.#order(feature, queue);
  }

  async #order(feature: FeatureName, { side, manner, tenants }: Queue): Promise<void> {
    const order = side === 'new' ? 'hand_over' : 'hand_back';
    await this.#wish.moves.queue({ feature, tenants, order, author: RECONCILER, manner });
    for (const tenant of tenants) this.#note(tenant, feature, side);
  }

  /** `fresh` where the table has said something else before; what this process has not seen otherwise may have been tried long ago. */
  #choose(known: Due | undefined, declared: Side): Queue['manner'] | undefined {
    if (known === undefined) return 'repeated';
    if (known.side !== declared) return 'fresh';
    return this.#nowMs() - known.askedMs < ASK_AGAIN_MS ? undefined : 'repeated';
  }

  #note(tenant: TenantId, feature: FeatureName, side: Due['side']): void {
    this.#known.set(`${tenant} ${feature}`, { side, askedMs: this.#nowMs() });
  }

  #tellPauses(moves: readonly MoveRecord[]): void {
    for (const { feature, state, pausedWhy } of moves) {
      const isPaused = state === 'paused';
      if (isPaused === this.#paused.has(feature)) continue;
      if (isPaused) this.#paused.add(feature);
      else this.#paused.delete(feature);
      this.#wish.emit({
        type: 'move_paused',
        feature,
        state: isPaused ? 'paused' : 'moving',
        detail: isPaused ? (pausedWhy ?? 'Somebody paused it.') : 'It goes on.',
      });
    }
  }
}
