import {
  type FeatureName,
  joinMappings,
  type MoveLimitWish,
  type MoveRecord,
} from '../../vocabulary/index.ts';
import { type AdminFailure, isRefusal, refuse } from '../admin/problem.ts';
import { suggestName } from '../nearest-name.ts';
import type { FeatureView } from '../ports.ts';
import { awaitConfirmation, describeLate } from './confirmation.ts';
import { keepLimits } from './limits.ts';
import { DONE, type MoveDone } from './move-wish.ts';
import type { MoveRooms, Tenant } from './ports.ts';
import { listNames } from './words.ts';

type Ground = Readonly<{
  feature: FeatureView;
  moves: readonly MoveRecord[];
  tenants: readonly Tenant[];
  /** Tenants of this feature that the new side owns already. */
  owned: number;
}>;

/** From now on the feature's tenants have owners, legacy at first. */
export async function startMove(
  rooms: MoveRooms,
  name: string,
  limits?: MoveLimitWish,
): Promise<MoveDone | AdminFailure> {
  const feature = findFeature(rooms, name);
  if (isRefusal(feature)) return feature;
  const { moves, changed } = await rooms.tenures.news(0);
  const owned = changed.filter((one) => one.feature === name && one.owner === 'new').length;
  const ground = { feature, moves, owned, tenants: await rooms.listTenants() };
  const known = moves.find((move) => move.feature === name);
  if (known?.state === 'moving' && isSame(known.tables, feature.tables)) {
    const changed = await keepLimits(rooms, known.feature, limits);
    return { ...DONE, changed: changed.length > 0, story: [`${name} is being moved already.`, ...changed] };
  }
  const refused =
    refuseState(ground, known) ??
    refuseDeclared(rooms, ground) ??
    (await refuseMapping(rooms, ground)) ??
    (await refuseApart(rooms, ground));
  if (refused) return refused;
  const unready = await prepareLegacy(rooms);
  return unready ?? begin(rooms, ground, limits);
}

async function begin(
  rooms: MoveRooms,
  { feature: { name, tables }, tenants }: Ground,
  limits: MoveLimitWish | undefined,
): Promise<MoveDone> {
  const strays = await rooms.moveLook.apart(tables);
  const epoch = await rooms.moves.begin(name, tables);
  const limited = await keepLimits(rooms, name as FeatureName, limits);
  const unconfirmed = await awaitConfirmation(rooms, epoch);
  const idle = strays.flatMap(({ tenant }) => tenants.find(({ id }) => id === tenant)?.name ?? []);
  return {
    ...DONE,
    unconfirmed,
    story: [
      `${name} is being moved, with ${tables.join(', ')}: legacy owns it for every tenant, until it is handed over.`,
      ...limited,
      ...(idle.length > 0
        ? [`Not followed, so they cannot be handed over yet: ${listNames(idle)}. Run: banyan follow.`]
        : []),
      ...describeLate(unconfirmed),
    ],
  };
}

function findFeature({ inForce }: MoveRooms, name: string): FeatureView | AdminFailure {
  const { features } = inForce.current().table;
  const known = features.map((feature) => feature.name);
  const feature = features.find((one) => one.name === name);
  if (!feature)
    return refuse('route_unknown', `The table lists no feature "${name}".${suggestName(name, known)}`);
  return feature.tables.length > 0
    ? feature
    : refuse(
        'move_refused',
        `Feature ${name} names no tables in the route table, so there are no rows to move. Name them: ${name}: { tables: [ … ] }.`,
      );
}

function refuseState(
  { feature: { name, tables }, moves, owned }: Ground,
  known: MoveRecord | undefined,
): AdminFailure | undefined {
  if (known?.state === 'retired')
    return refuse(
      'move_refused',
      `The move of ${name} is retired: legacy's rows are no longer kept level, and there is no way back.`,
    );
  if (known?.state === 'paused' && isSame(known.tables, tables))
    return refuse('move_refused', `The move of ${name} is paused. To go on: banyan move resume ${name}.`);
  if (known && owned > 0)
    return refuse(
      'move_refused',
      `The move of ${name} began with ${known.tables.join(', ')}; the table names ${tables.join(', ')} now. Hand all tenants back first: banyan move hand-back ${name} --all.`,
    );
  const other = moves.find(
    (move) =>
      move.feature !== name &&
      move.state !== 'retired' &&
      move.tables.some((table) => tables.includes(table)),
  );
  return (
    other &&
    refuse('move_refused', `Feature ${other.feature} is being moved with one of these tables already.`)
  );
}

/** Whoever writes on the new side now would be refused by the database a moment later. */
function refuseDeclared(
  { inForce }: MoveRooms,
  { feature: { name }, tenants }: Ground,
): AdminFailure | undefined {
  const ahead = tenants.filter((tenant) => inForce.declares(tenant.name, name as FeatureName) !== 'legacy');
  if (ahead.length === 0) return undefined;
  return refuse(
    'move_refused',
    `Writes of ${name} go to the new side already for ${listNames(ahead.map((tenant) => tenant.name))}. A move begins with legacy as the owner of every tenant, ` +
      `so they would be refused. First: banyan flip ${name} legacy --reason "…". Hand over once the move has begun: banyan move hand-over ${name} --tenant T.`,
  );
}

/** What follows by other names than the table says would be proven, and carried back, by them. */
async function refuseMapping(
  { inForce, mappingInForce }: MoveRooms,
  { feature: { name, tables } }: Ground,
): Promise<AdminFailure | undefined> {
  if (!mappingInForce) return undefined;
  const said = joinMappings(inForce.current().table.features);
  const kept = await mappingInForce();
  const isOther = (table: string) => JSON.stringify(said.rules[table]) !== JSON.stringify(kept.rules[table]);
  const others = tables.filter(isOther);
  if (others.length === 0) return undefined;
  return refuse(
    'move_refused',
    `The route table's mapping of ${others.join(', ')} is not the one by which rows of ${name} follow legacy's. A mapping cannot change while tenants follow: ` +
      'put it back, or take all tenants out of the store and run banyan follow anew (docs/moving.md#mapping).',
  );
}

async function refuseApart(
  { moveLook }: MoveRooms,
  { feature: { name, tables }, tenants }: Ground,
): Promise<AdminFailure | undefined> {
  const apart = (await moveLook.apart(tables)).filter((one) => one.tables.length > 0);
  if (apart.length === 0) return undefined;
  const names = apart.map(({ tenant }) => tenants.find(({ id }) => id === tenant)?.name ?? String(tenant));
  const of = [...new Set(apart.flatMap((one) => one.tables))].join(', ');
  return refuse(
    'move_refused',
    `The new side has written to ${of} of ${listNames(names)} before ${name} was moved, and these rows no longer follow legacy's. Take these tenants out of the store and copy them anew (docs/following.md).`,
  );
}

async function prepareLegacy({ prepareReturn }: MoveRooms): Promise<AdminFailure | undefined> {
  if (!prepareReturn)
    return refuse(
      'move_refused',
      "Nothing follows legacy's rows here: set LEGACY_DATABASE_URL and FOLLOW_SLOT, and run banyan follow (docs/following.md).",
    );
  return prepareReturn().then(
    () => undefined,
    (error: unknown) => refuse('move_refused', error instanceof Error ? error.message : String(error)),
  );
}

const isSame = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((name) => other.includes(name));
