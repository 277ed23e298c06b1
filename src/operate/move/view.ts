import type { Declared } from '../../decide/index.ts';
import type {
  Epoch,
  FeatureName,
  InstanceRecord,
  MoveOrder,
  MoveRecord,
  MoveStanding,
  MoveWave,
  ProofRecord,
  TenantId,
  TenureRecord,
} from '../../vocabulary/index.ts';
import { type AdminFailure, refuse } from '../admin/problem.ts';
import { suggestName } from '../nearest-name.ts';
import { type Back, tellBack } from './back.ts';
import type { MoveRooms, Tenant } from './ports.ts';

/** One tenant of a move. */
export type TenantView = Readonly<{
  tenant: Tenant;
  owner: TenureRecord['owner'];
  step: TenureRecord['step'];
  declared: Declared;
  /** Undefined: legacy has owned it ever since. */
  since: Date | undefined;
  waiting: MoveStanding['waiting'];
  strangers: number;
  /** Why what waits does not go on. */
  trouble: string | undefined;
  order: MoveOrder | undefined;
  /** When both sides were compared last, and how that ended. */
  proof: ProofRecord | undefined;
  back: Back;
}>;

export type MoveView = Readonly<{
  move: MoveRecord;
  wave: MoveWave | undefined;
  tenants: readonly TenantView[];
}>;
export type MovesView = Readonly<{ epoch: Epoch; moves: readonly MoveView[]; open: readonly MoveOrder[] }>;
export type InstancesView = Readonly<{
  epoch: Epoch;
  instances: readonly InstanceRecord[];
  nameOf(tenant: TenantId): string;
}>;

const NOTHING: Pick<MoveStanding, 'waiting' | 'strangers'> = {
  waiting: { lines: 0, oldestMs: 0 },
  strangers: 0,
};

/** How all moves stand, or one. */
export async function viewMoves(rooms: MoveRooms, feature?: string): Promise<MovesView | AdminFailure> {
  const { epoch, moves, changed } = await rooms.tenures.news(0);
  const shown = feature === undefined ? moves : moves.filter((move) => move.feature === feature);
  if (feature !== undefined && shown.length === 0) return refuseUnknownMove(feature, moves);
  const tenants = await rooms.listTenants();
  const standings = indexByPlace(await rooms.moveLook.standings());
  const orders = await rooms.moveLook.lastOrders();
  const proofs = indexByPlace(await rooms.moveLook.proofs());
  const waves = await rooms.moveLook.waves();
  const tenures = indexByPlace(changed);
  const last = indexByPlace(orders);
  const viewOne = (move: MoveRecord) => (tenant: Tenant) => {
    const place = placeOf({ tenant: tenant.id, feature: move.feature });
    return viewTenant(rooms, move, tenant, {
      tenure: tenures.get(place),
      standing: standings.get(place) ?? NOTHING,
      order: last.get(place),
      proof: proofs.get(place),
    });
  };
  const names = new Set(shown.map((move) => move.feature));
  return {
    epoch,
    moves: shown.map((move) => ({
      move,
      wave: waves.find(({ feature: of }) => of === move.feature),
      tenants: tenants.map(viewOne(move)),
    })),
    open: orders.filter((order) => names.has(order.feature) && isOpen(order)),
  };
}

type Known = Readonly<{
  tenure: TenureRecord | undefined;
  standing: Pick<MoveStanding, 'waiting' | 'strangers'>;
  order: MoveOrder | undefined;
  proof: ProofRecord | undefined;
}>;

function viewTenant(
  { inForce, troubleOf }: MoveRooms,
  { feature, state }: MoveRecord,
  tenant: Tenant,
  { tenure, standing, order, proof }: Known,
): TenantView {
  const owner = tenure?.owner ?? 'legacy';
  const { waiting, strangers } = standing;
  const trouble = waiting.lines > 0 ? troubleOf(tenant.name) : undefined;
  return {
    tenant,
    owner,
    step: tenure?.step ?? 'settled',
    declared: inForce.declares(tenant.name, feature),
    since: tenure?.changedAt,
    waiting,
    strangers,
    trouble,
    order,
    proof,
    back: tellBack(state, owner, standing, trouble),
  };
}

export const isOpen = ({ state }: Pick<MoveOrder, 'state'>) => state === 'waiting' || state === 'running';

type Place = Readonly<{ tenant: Tenant['id']; feature: FeatureName }>;
export const placeOf = ({ tenant, feature }: Place) => `${tenant} ${feature}`;
const indexByPlace = <One extends Place>(all: readonly One[]) =>
  new Map(all.map((one) => [placeOf(one), one]));

export function refuseUnknownMove(feature: string, moves: readonly MoveRecord[]): AdminFailure {
  const known = moves.map((move) => move.feature);
  return refuse(
    'move_unknown',
    `Nobody moves ${feature}.${suggestName(feature, known)} To begin: banyan move start ${feature}.`,
  );
}

export async function viewInstances({
  tenures,
  listTenants,
}: Pick<MoveRooms, 'tenures' | 'listTenants'>): Promise<InstancesView> {
  // Instances first: what they say is not newer than the epoch that they are measured by.
  const instances = await tenures.instances();
  const { epoch } = await tenures.news(Number.MAX_SAFE_INTEGER);
  const tenants = new Map((await listTenants()).map(({ id, name }) => [id, name]));
  return { epoch, instances, nameOf: (tenant) => tenants.get(tenant) ?? String(tenant) };
}
