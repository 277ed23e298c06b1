import { createHash } from 'node:crypto';
import type { Difference, DifferenceKind, GroupId, RouteId } from '../vocabulary/index.ts';

/** What differences have in common that belong together. */
export type Group = Readonly<{
  id: GroupId;
  route: RouteId;
  path: string;
  kind: DifferenceKind;
  types: string;
}>;

export const LONGEST_PATH = 500;

/** The group of a difference. Its id is the same on every instance. */
export function groupOf(route: RouteId, difference: Difference): Group {
  const types = `${difference.legacy.type} → ${difference.new.type}`;
  return makeGroup(route, cutText(difference.path, LONGEST_PATH), difference.kind, types);
}

const FIRST_STEP = /^(?:\/[^/]*|(?:header|cookie):|rows:[^/]*)/;

/** Where a route has too many groups: those below one first step (`/by_user/…`, `header:…`) go together, whatever the types. */
export function gatherBelow(group: Group): Group {
  const first = FIRST_STEP.exec(group.path)?.[0];
  if (first === undefined) return makeGroup(group.route, group.path, group.kind, '…');
  return makeGroup(group.route, first.endsWith(':') ? `${first}…` : `${first}/…`, group.kind, '…');
}

/** Where even those are too many: one group for each kind. */
export function gatherAll(group: Group): Group {
  return makeGroup(group.route, '…', group.kind, '…');
}

function makeGroup(route: RouteId, path: string, kind: DifferenceKind, types: string): Group {
  const hash = createHash('sha256').update([route, path, kind, types].join('\n')).digest('hex');
  return Object.freeze({ id: hash.slice(0, 12) as GroupId, route, path, kind, types });
}

/** At most so many characters, and none that PostgreSQL would refuse: no NUL, no half of a surrogate pair. */
export function cutText(text: string, longest: number): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return cut.toWellFormed().replaceAll('\0', '\u2400');
}
