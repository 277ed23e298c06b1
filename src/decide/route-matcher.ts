import createRouter from 'find-my-way';
import type { AdmitPolicy, IfNewFails } from '../vocabulary/index.ts';
import { widenMethods } from './overlap-rules.ts';
import { cutTemplate } from './path-template.ts';
import type { RouteRow, Table } from './table.ts';
import type { Method } from './table-schema.ts';

export type Params = Readonly<Record<string, string>>;

/** What the table says of a request before its caller is known. */
export type Match = Readonly<{
  method: string;
  /** It changes nothing (RFC 9110 section 9.2.1). */
  isSafe: boolean;
  /** Undefined where the table lists no such route. */
  row: RouteRow | undefined;
  /** What the template's parameters matched, as it stands in the canonical path. */
  params: Params;
  admit: AdmitPolicy;
  timeoutMs: number;
  ifNewFails: IfNewFails;
  /** What happens while the feature's breaker rests: legacy answers, or the request is refused. */
  whenResting: IfNewFails;
}>;

export type FindRoute = (method: string, path: string) => Match;

const NO_PARAMS: Params = Object.freeze({});
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD'];
// The router decodes escapes; a canonical path is compared as it stands. This byte occurs in no path, and means nothing to it.
const ESCAPE_STAND_IN = '\u0001';

type Listed = Readonly<{ match: Match; places: readonly (readonly [name: string, index: number])[] }>;

/** Matching over the canonical path: case counts, the trailing slash counts, a parameter is one segment that is not empty. */
export function createMatcher(table: Table): FindRoute {
  const router = createRouter({ maxParamLength: Number.MAX_SAFE_INTEGER });
  for (const row of table.rows) listRow(router, row, table);
  const unlisted = (method: string): Match => ({
    method,
    isSafe: SAFE_METHODS.includes(method),
    row: undefined,
    params: NO_PARAMS,
    // Legacy goes on guarding what nobody has listed.
    admit: 'optional',
    timeoutMs: table.defaults.timeoutMs,
    ifNewFails: 'legacy',
    whenResting: 'legacy',
  });
  return (method, path) => {
    if (!path.startsWith('/') || path.includes('?') || path.includes('#')) return unlisted(method);
    const inert = path.includes('%') ? path.replaceAll('%', ESCAPE_STAND_IN) : path;
    const found = router.find(method as Method, inert);
    return (found && fillParams(found.store as Listed, path)) ?? unlisted(method);
  };
}

function listRow(router: ReturnType<typeof createRouter>, row: RouteRow, table: Table): void {
  const segments = cutTemplate(row.path);
  const places = segments.flatMap((segment, index) =>
    typeof segment === 'string' ? [] : [[segment.param, index] as const],
  );
  const pattern = segments
    .map((segment) => (typeof segment === 'string' ? makeInert(segment) : ':p'))
    .join('/');
  for (const method of widenMethods(row.methods)) {
    const listed: Listed = { match: describeMatch(row, method, table), places };
    router.on(method, `/${pattern}`, () => {}, listed);
  }
}

function makeInert(segment: string): string {
  return segment.replaceAll('%', ESCAPE_STAND_IN);
}

function describeMatch(row: RouteRow, method: Method, table: Table): Match {
  const { admit, timeoutMs } = row;
  const isSafe = SAFE_METHODS.includes(method);
  const ifNewFails = row.stage === 'retired' ? 'refuse' : (row.ifNewFails ?? (isSafe ? 'legacy' : 'refuse'));
  const whenResting = chooseWhenResting(row, isSafe, table);
  return Object.freeze({ method, isSafe, row, params: NO_PARAMS, admit, timeoutMs, ifNewFails, whenResting });
}

/**
 * An open breaker sends requests back to legacy, with two exceptions. A retired route has no legacy any more. And at stage `new`
 * a write to the feature's own tables must not slip to the side that no longer owns them, unless the table says that it may.
 */
function chooseWhenResting(row: RouteRow, isSafe: boolean, { features }: Table): IfNewFails {
  if (row.stage === 'retired') return 'refuse';
  if (row.ifNewFails !== undefined) return row.ifNewFails;
  const ownsTables = features.some(({ name, tables }) => name === row.feature && tables.length > 0);
  return row.stage === 'new' && !isSafe && ownsTables ? 'refuse' : 'legacy';
}

function fillParams({ match, places }: Listed, path: string): Match | undefined {
  if (places.length === 0) return match;
  const segments = path.slice(1).split('/');
  const params: Record<string, string> = {};
  for (const [name, index] of places) {
    const value = segments[index];
    if (!value) return undefined;
    params[name] = value;
  }
  return { ...match, params: Object.freeze(params) };
}
