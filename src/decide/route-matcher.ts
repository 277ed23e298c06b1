import type { AdmitPolicy, IfNewFails } from '../vocabulary/index.ts';
import { widenMethods } from './overlap-rules.ts';
import { cutTemplate } from './path-template.ts';
import type { RouteRow, Table } from './table.ts';
import type { Method } from './table-schema.ts';
import { TemplateTree } from './template-tree.ts';

export type Params = Readonly<Record<string, string>>;

/** What the table says of a request before its caller is known. */
export type Match = Readonly<{
  method: string;
  /** It changes nothing (RFC 9110 section 9.2.1). */
  isSafe: boolean;
  /** Undefined where the table lists no such route. */
  row: RouteRow | undefined;
  /** What the template's parameters match in the canonical path. Read off where somebody wants them: most requests go where nobody does. */
  paramsOf(path: string): Params;
  admit: AdmitPolicy;
  timeoutMs: number;
  ifNewFails: IfNewFails;
  /** What happens while the feature's breaker rests: legacy answers, or the request is refused. */
  whenResting: IfNewFails;
}>;

export type FindRoute = (method: string, path: string) => Match;

export const NO_PARAMS: Params = Object.freeze({});
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD'];

type Places = readonly (readonly [name: string, index: number])[];

/** Matching over the canonical path: case counts, the trailing slash counts, a parameter is one segment that is not empty. */
export function createMatcher(table: Table): FindRoute {
  const trees = new Map<string, TemplateTree<Match>>();
  for (const row of table.rows) listRow(trees, row);
  const unlisted = (method: string): Match => ({
    method,
    isSafe: SAFE_METHODS.includes(method),
    row: undefined,
    paramsOf: () => NO_PARAMS,
    // Legacy goes on guarding what nobody has listed.
    admit: 'optional',
    timeoutMs: table.defaults.timeoutMs,
    ifNewFails: 'legacy',
    whenResting: 'legacy',
  });
  return (method, path) => {
    if (!path.startsWith('/') || path.includes('?') || path.includes('#')) return unlisted(method);
    return trees.get(method)?.find(path) ?? unlisted(method);
  };
}

function listRow(trees: Map<string, TemplateTree<Match>>, row: RouteRow): void {
  const segments = cutTemplate(row.path);
  const places: Places = segments.flatMap((segment, index) =>
    typeof segment === 'string' ? [] : [[segment.param, index] as const],
  );
  for (const method of widenMethods(row.methods)) {
    const tree = trees.get(method) ?? new TemplateTree<Match>();
    trees.set(method, tree);
    tree.plant(segments, () => describeMatch(row, method, places));
  }
}

function describeMatch(row: RouteRow, method: Method, places: Places): Match {
  const { admit, timeoutMs } = row;
  const isSafe = SAFE_METHODS.includes(method);
  const ifNewFails = row.stage === 'retired' ? 'refuse' : (row.ifNewFails ?? (isSafe ? 'legacy' : 'refuse'));
  const whenResting = chooseWhenResting(row, isSafe);
  const paramsOf = (path: string) => readParams(places, path);
  return Object.freeze({ method, isSafe, row, paramsOf, admit, timeoutMs, ifNewFails, whenResting });
}

/**
 * An open breaker sends requests back to legacy, with two exceptions. A retired route has no legacy any more. And at stage `new`
 * a write to the feature's own tables must not slip to the side that no longer owns them, unless the table says that it may.
 */
function chooseWhenResting(row: RouteRow, isSafe: boolean): IfNewFails {
  if (row.stage === 'retired') return 'refuse';
  if (row.ifNewFails !== undefined) return row.ifNewFails;
  return row.stage === 'new' && !isSafe && row.tables.length > 0 ? 'refuse' : 'legacy';
}

function readParams(places: Places, path: string): Params {
  if (places.length === 0) return NO_PARAMS;
  const segments = path.slice(1).split('/');
  const params: Record<string, string> = {};
  for (const [name, index] of places) {
    params[name] = segments[index] ?? '';
  }
  return Object.freeze(params);
}
