import type { RouteId } from '../vocabulary/index.ts';
import type { Draft, RouteDraft } from './draft.ts';
import { suggestNearest } from './mistake.ts';
import { compareTemplates, type Segment } from './path-template.ts';
import type { Complain } from './table-rules.ts';
import type { Method } from './table-schema.ts';
import { TemplateTree } from './template-tree.ts';

type Comparable = RouteDraft & Readonly<{ methods: readonly Method[]; segments: readonly Segment[] }>;

/** No request may match two routes by accident: whoever reads one row must know that it is the one that counts. */
export function checkOverlaps({ routes }: Draft, complain: Complain): void {
  const tree = new TemplateTree<Comparable[]>();
  const used = new Set<string>();
  for (const later of routes.filter(isComparable)) {
    // Only those that meet it at all: comparing each of 2,000 routes with each other took 60 ms, this takes 8.
    const meeting = tree.listMeeting(later.segments).flat();
    checkAgainstEarlier(meeting, later, used, complain);
    tree.plant(later.segments, () => []).push(later);
  }
  const ids = new Set(routes.flatMap(({ id }) => (id === undefined ? [] : [id])));
  for (const route of routes) checkOver(route, ids, used, complain);
}

/** One rival is told of each route: a thousand copies of a row are a thousand mistakes, not a million. */
function checkAgainstEarlier(
  meeting: readonly Comparable[],
  later: Comparable,
  used: Set<string>,
  complain: Complain,
): void {
  let hasRival = false;
  for (const earlier of meeting.toSorted((one, other) => one.index - other.index)) {
    if (hasRival) return;
    checkPair(earlier, later, used, (...mistake) => {
      hasRival = true;
      complain(...mistake);
    });
  }
}

function isComparable(route: RouteDraft): route is Comparable {
  return route.methods !== undefined && route.segments !== undefined;
}

function checkPair(earlier: Comparable, later: Comparable, used: Set<string>, complain: Complain): void {
  const overlap = compareTemplates(earlier.segments, later.segments);
  if (overlap === 'apart') return;
  const shared = findSharedMethod(earlier.methods, later.methods);
  if (!shared) return;
  if (overlap === 'first_within_second') return checkNarrower(earlier, later, used, complain);
  if (overlap === 'second_within_first') return checkNarrower(later, earlier, used, complain);
  const both = `${nameRoute(later)} and ${nameRoute(earlier)} both match ${shared}`;
  const advice = overlap === 'same' ? 'remove one of them' : 'neither is narrower: change one of the paths';
  complain(
    pathOf(later),
    `expected at most one route for a request, but ${both} requests to the same path: ${advice}`,
  );
}

function checkNarrower(narrow: Comparable, wide: Comparable, used: Set<string>, complain: Complain): void {
  if (wide.id !== undefined && narrow.over.includes(wide.id)) {
    used.add(`${narrow.index} ${wide.id}`);
    return;
  }
  complain(
    pathOf(narrow),
    `expected at most one route for a request, but ${nameRoute(wide)} also matches the paths of ${nameRoute(narrow)}: ` +
      `if that is meant, write over: [${wide.id ?? '…'}] into the match of ${nameRoute(narrow)}`,
  );
}

/** An `over` that settles nothing is a leftover or a typing error. */
function checkOver(
  route: RouteDraft,
  ids: ReadonlySet<RouteId>,
  used: Set<string>,
  complain: Complain,
): void {
  for (const [index, id] of route.over.entries()) {
    const path = [...pathOf(route).slice(0, -1), 'over', index];
    if (!ids.has(id))
      complain(path, () => `expected the id of another route, found "${id}"${suggestNearest(id, ids)}`);
    else if (!used.has(`${route.index} ${id}`) && isComparable(route))
      complain(
        path,
        `expected the id of a wider route that matches the same paths, found "${id}", which does not`,
      );
  }
}

/** GET also answers HEAD, so a HEAD beside it would never be asked. */
function findSharedMethod(first: readonly Method[], second: readonly Method[]): Method | undefined {
  const widened = widenMethods(second);
  return widenMethods(first).find((method) => widened.includes(method));
}

export function widenMethods(methods: readonly Method[]): readonly Method[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods;
}

function nameRoute({ id, index }: RouteDraft): string {
  return id ?? `routes[${index}]`;
}

function pathOf({ index }: RouteDraft) {
  return ['routes', index, 'match', 'path'] as const;
}
