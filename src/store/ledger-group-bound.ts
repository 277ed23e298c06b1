import type pg from 'pg';
import type { GroupId, RouteId } from '../vocabulary/index.ts';
import { askLedger } from './ledger-ask.ts';
import { type Group, gatherAll, gatherBelow } from './ledger-group.ts';

/** Groups that a route may have; then those below a first step are gathered, and when there are too many of these, all of a kind. */
const MOST_GROUPS = 1_000;
const MOST_GATHERED = 100;
// A full route is read again after so long: days that went may have made room.
const FULL_MS = 60_000;

type Known = { readonly ids: Set<GroupId>; readonly readMs: number };

/** The group under which each is counted: itself, or what it is gathered in. */
export type GroupBound = (groups: readonly Group[]) => Promise<ReadonlyMap<GroupId, Group>>;

/**
 * Keeps a route whose paths are made of data from filling the ledger. What is known is remembered by this process and read again when a
 * stranger turns up: instances that find new groups in the same moment may together exceed the bound by what each of them found.
 */
export function boundGroups(pool: pg.Pool): GroupBound {
  const known = new Map<RouteId, Known>();
  const isStale = ({ route, id }: Group) => {
    const of = known.get(route);
    if (!of) return true;
    if (of.ids.has(id)) return false;
    return of.ids.size < MOST_GROUPS || performance.now() - of.readMs > FULL_MS;
  };
  return async (groups) => {
    const stale = new Set(groups.filter(isStale).map(({ route }) => route));
    if (stale.size > 0) await readGroups(pool, known, [...stale]);
    return new Map(groups.map((group) => [group.id, admit(known.get(group.route)?.ids ?? new Set(), group)]));
  };
}

async function readGroups(pool: pg.Pool, known: Map<RouteId, Known>, routes: readonly RouteId[]) {
  const rows = await askLedger<{ route: RouteId; id: GroupId }>(
    pool,
    'SELECT route, id FROM banyan.shadow_group WHERE route = ANY ($1)',
    [routes],
  );
  for (const route of routes) known.set(route, { ids: new Set(), readMs: performance.now() });
  for (const { route, id } of rows) known.get(route)?.ids.add(id);
}

function admit(ids: Set<GroupId>, group: Group): Group {
  const fits = (candidate: Group, most: number) => ids.has(candidate.id) || ids.size < most;
  const below = gatherBelow(group);
  const fallback = fits(below, MOST_GROUPS + MOST_GATHERED) ? below : gatherAll(group);
  const admitted = fits(group, MOST_GROUPS) ? group : fallback;
  ids.add(admitted.id);
  return admitted;
}
