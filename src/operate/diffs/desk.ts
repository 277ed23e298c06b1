import {
  type DiffGroup,
  type DiffLedger,
  type KeptSample,
  parseGroupId,
  parseRouteId,
  type Replays,
  type Revision,
  type RouteId,
  type RouteTally,
} from '../../vocabulary/index.ts';
import { type AdminFailure, refuse } from '../admin/problem.ts';
import { suggestName } from '../nearest-name.ts';
import type { RouteView, TableInForce } from '../ports.ts';
import { judgeRoute, type RouteVerdict, type VerdictWish } from './confidence.ts';

export type RouteDiffs = Readonly<{
  route: RouteId;
  /** Undefined where the table lists it no longer. */
  row: RouteView | undefined;
  tally: RouteTally;
  verdict: RouteVerdict;
  /** Those that count first, then by count. */
  groups: readonly DiffGroup[];
}>;

export type Overview = Readonly<{
  revision: Revision;
  sinceMs: number;
  atMs: number;
  wish: VerdictWish;
  routes: readonly RouteDiffs[];
}>;

export type OverviewWish = VerdictWish & Readonly<{ sinceMs: number; route?: string | undefined }>;

/** What the doors know of shadow comparison: the ledger's counts, judged, beside the table in force. */
export type DiffDesk = Readonly<{
  overview(wish: OverviewWish, nowMs: number): Promise<Overview | AdminFailure>;
  findRoute(id: string): Promise<RouteId | AdminFailure>;
  findGroup(id: string): Promise<DiffGroup | AdminFailure>;
  /** Newest first; at most `limit`. */
  listSamples(group: DiffGroup, limit: number): Promise<readonly KeptSample[]>;
  readonly ledger: DiffLedger;
  readonly replays: Replays;
  readonly inForce: TableInForce;
}>;

export type DiffRooms = Readonly<{ ledger: DiffLedger; replays: Replays; inForce: TableInForce }>;

export function openDiffDesk(rooms: DiffRooms): DiffDesk {
  const { ledger } = rooms;
  return Object.freeze({
    ...rooms,
    overview: (wish, nowMs) => takeOverview(rooms, wish, nowMs),
    findRoute: (id) => findRoute(rooms, id),
    findGroup: async (id) => {
      const groupId = parseGroupId(id);
      const group = groupId && (await ledger.findGroup(groupId));
      return group ?? refuseUnknownGroup(ledger, id);
    },
    listSamples: ({ id }, limit) => ledger.listSamples({ group: id }, limit),
  });
}

async function takeOverview(
  { ledger, inForce }: DiffRooms,
  { sinceMs, route: asked, maxRate, min }: OverviewWish,
  nowMs: number,
): Promise<Overview | AdminFailure> {
  const { revision, table } = inForce.current();
  const known = asked === undefined ? undefined : parseRouteId(asked);
  const query = { sinceMs, ...(known ? { route: known } : {}) };
  const [tallies, groups] = await Promise.all([ledger.tally(query), ledger.listGroups(query)]);
  if (asked !== undefined && !isKnown(asked, table.routes, tallies))
    return refuseUnknownRoute(ledger, table.routes, asked);
  const wish = { maxRate, min };
  const routes = listRoutes(table.routes, tallies, known).map(({ route, row, tally }) => ({
    route,
    row,
    tally,
    verdict: judgeRoute(tally, wish),
    groups: groups.filter((group) => group.route === route),
  }));
  return { revision, sinceMs, atMs: nowMs, wish, routes: routes.toSorted(compareRoutes) };
}

function isKnown(asked: string, rows: readonly RouteView[], tallies: readonly RouteTally[]): boolean {
  return rows.some(({ id }) => id === asked) || tallies.some(({ route }) => route === asked);
}

/** All that were compared, and all that should have been: a route in shadow of which nothing is known is news, too. */
function listRoutes(
  rows: readonly RouteView[],
  tallies: readonly RouteTally[],
  asked: RouteId | undefined,
): readonly Pick<RouteDiffs, 'route' | 'row' | 'tally'>[] {
  const isListed = (row: RouteView) => (asked === undefined ? row.stage === 'shadow' : row.id === asked);
  const names = new Set([...rows.filter(isListed).map(({ id }) => id), ...tallies.map(({ route }) => route)]);
  return [...names].map((route) => ({
    route,
    row: rows.find(({ id }) => id === route),
    tally: tallies.find((tally) => tally.route === route) ?? makeEmptyTally(route),
  }));
}

function makeEmptyTally(route: RouteId): RouteTally {
  return { route, same: 0, different: 0, accepted: 0, noise: 0, notCompared: {}, firstMs: 0, lastMs: 0 };
}

const URGENCY: Readonly<Record<RouteVerdict['kind'], number>> = {
  different: 0,
  not_enough_data: 1,
  clean: 2,
};

/** What wants work first; of the same kind in the order of names, so that two looks are alike. */
function compareRoutes(one: RouteDiffs, other: RouteDiffs): number {
  const byUrgency = URGENCY[one.verdict.kind] - URGENCY[other.verdict.kind];
  return byUrgency || (one.route < other.route ? -1 : 1);
}

async function findRoute({ ledger, inForce }: DiffRooms, id: string): Promise<RouteId | AdminFailure> {
  const { routes } = inForce.current().table;
  const route = parseRouteId(id);
  const tallies = route ? await ledger.tally({ sinceMs: 0, route }) : [];
  return route && isKnown(id, routes, tallies) ? route : refuseUnknownRoute(ledger, routes, id);
}

async function refuseUnknownRoute(ledger: DiffLedger, rows: readonly RouteView[], asked: string) {
  const tallied = (await ledger.tally({ sinceMs: 0 })).map(({ route }) => route);
  const names = new Set([...rows.map(({ id }) => id), ...tallied]);
  const shown = asked.slice(0, LONGEST_NAME);
  return refuse(
    'route_unknown',
    `Neither the table nor the ledger knows a route "${shown}".${suggestName(asked, names)}`,
  );
}

const LONGEST_NAME = 100;

async function refuseUnknownGroup(ledger: DiffLedger, asked: string): Promise<AdminFailure> {
  const ids = (await ledger.listGroups({ sinceMs: 0 })).map(({ id }) => id);
  const begun = asked.length >= 4 ? ids.filter((id) => id.startsWith(asked.toLowerCase())) : [];
  const hint = begun.length === 1 ? ` Did you mean "${begun[0]}"?` : suggestName(asked, ids);
  return refuse(
    'group_unknown',
    `The ledger has no group "${asked.slice(0, LONGEST_NAME)}".${hint || ' GET /api/diffs lists all of them.'}`,
  );
}
