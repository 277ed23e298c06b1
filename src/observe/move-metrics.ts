import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type BanyanEvent, type FeatureName, PROOF_STATES, SIDES } from '../vocabulary/index.ts';

type Ended = Extract<BanyanEvent, { type: 'owner_changed' }>;
type Counted = Extract<BanyanEvent, { type: 'move_counted' }>;

const ORDERS = ['hand_over', 'hand_back', 'verify', 'rehearse'] as const satisfies readonly Ended['order'][];
const ENDS = ['done', 'refused', 'failed'] as const satisfies readonly Ended['ended'][];

/** A write waits for 2 s at most; a pause that nobody notices is a tenth of a second. */
const HELD_BOUNDS_S = [0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4];

/** The metrics of moves: by feature, which the route table bounds, and by closed lists; never by tenant. */
export function createMoveMetrics(registry: Registry): (event: BanyanEvent) => void {
  const families = createFamilies(registry);
  const known = new Set<FeatureName>();
  const meet = (feature: FeatureName) => {
    if (known.has(feature)) return;
    known.add(feature);
    // A rate needs a zero to begin with.
    for (const order of ORDERS) for (const ended of ENDS) families.orders.inc({ feature, order, ended }, 0);
    for (const order of ORDERS) families.rows.inc({ feature, order }, 0);
  };
  return (event) => {
    switch (event.type) {
      case 'move_counted':
        meet(event.feature);
        return count(families, event);
      case 'owner_changed':
        meet(event.feature);
        return end(families, event);
      case 'mover_changed':
        return families.leading.set(event.state === 'leading' ? 1 : 0);
      case 'writes_waiting':
        return families.writesWaiting.set(event.count);
      default:
        return undefined;
    }
  };
}

type Families = ReturnType<typeof createFamilies>;

function count(families: Families, counted: Counted): void {
  const { feature, owners, lines, oldestMs, strangers, proofs, oldestProofMs } = counted;
  for (const owner of SIDES) families.tenants.set({ feature, owner }, owners[owner]);
  families.lines.set({ feature }, lines);
  families.lag.set({ feature }, oldestMs / 1_000);
  families.strangers.set({ feature }, strangers);
  for (const state of [...PROOF_STATES, 'never'] as const)
    families.proofs.set({ feature, state }, proofs[state]);
  families.oldestProof.set({ feature }, oldestProofMs / 1_000);
}

function end(families: Families, { feature, order, ended, heldMs, rows }: Ended): void {
  families.orders.inc({ feature, order, ended });
  if (rows !== undefined) families.rows.inc({ feature, order }, rows);
  if (heldMs !== undefined) families.held.observe(heldMs / 1_000);
}

function createFamilies(registry: Registry) {
  const registers = [registry];
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    aggregator: 'sum' | 'max' = 'max',
  ) => new Gauge({ name: `banyan_${name}`, help, labelNames: [...labelNames], registers, aggregator });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `banyan_${name}`, help, labelNames: [...labelNames], registers });
  return {
    tenants: gauge('move_tenants', 'Tenants of a feature that is moved, by the side that owns their rows', [
      'feature',
      'owner',
    ]),
    orders: counter('move_orders_total', 'Hand-overs, hand-backs, comparisons and rehearsals, by their end', [
      'feature',
      'order',
      'ended',
    ]),
    rows: counter('move_rows_total', 'Rows that were equal on both sides at the end of an order', [
      'feature',
      'order',
    ]),
    held: new Histogram({
      name: 'banyan_move_held_seconds',
      help: "How long a tenant's writes were held while their owner changed",
      buckets: HELD_BOUNDS_S,
      registers,
    }),
    writesWaiting: gauge('move_writes_waiting', 'Writes that wait for their owner now', [], 'sum'),
    lines: gauge('move_lines_waiting', 'Writes of the new side that legacy does not have yet', ['feature']),
    lag: gauge('move_lag_seconds', 'How long the oldest of them has waited', ['feature']),
    strangers: gauge('move_strangers', 'Writes on legacy to rows that the new side owns', ['feature']),
    proofs: gauge('move_proofs', 'Tenants of a feature that is moved, by how the last proof has ended', [
      'feature',
      'state',
    ]),
    oldestProof: gauge('move_oldest_proof_seconds', 'How long ago the oldest of these proofs was', [
      'feature',
    ]),
    leading: gauge('mover_leading', 'Whether the mover of this instance carries out orders: 1 or 0', []),
  };
}
