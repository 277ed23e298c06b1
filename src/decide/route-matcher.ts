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

type Listed = Readonly<{ match: Match; places: readonly (readonly [name: string, index: number])[] }>;

/** Matching over the canonical path: case counts, the trailing slash counts, a parameter is one segment that is not empty. */
export function createMatcher(table: Table): FindRoute {
  const trees = new Map<string, TemplateTree<Listed>>();
  for (const row of table.rows) listRow(trees, row);
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
    const found = trees.get(method)?.find(path);
    return found ? fillParams(found, path) : unlisted(method);
  };
}

function listRow(trees: Map<string, TemplateTree<Listed>>, row: RouteRow): void {
  const segments = cutTemplate(row.path);
  const places = segments.flatMap((segment, index) =>
    typeof segment === 'string' ? [] : [[segment.param, index] as const],
  );
  for (const method of widenMethods(row.methods)) {
    const tree = trees.get(method) ?? new TemplateTree<Listed>();
    trees.set(method, tree);
    tree.plant(segments, () => ({ match: describeMatch(row, method), places }));
  }
}

function describeMatch(row: RouteRow, method: Method): Match {
  const { admit, timeoutMs } = row;
  const isSafe = SAFE_METHODS.includes(method);
  const ifNewFails = row.stage === 'retired' ? 'refuse' : (row.ifNewFails ?? (isSafe ? 'legacy' : 'refuse'));
  const whenResting = chooseWhenResting(row, isSafe);
  return Object.freeze({ method, isSafe, row, params: NO_PARAMS, admit, timeoutMs, ifNewFails, whenResting });
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

function fillParams({ match, places }: Listed, path: string): Match {
  if (places.length === 0) return match;
  const segments = path.slice(1).split('/');
  const params: Record<string, string> = {};
  for (const [name, index] of places) {
    params[name] = segments[index] ?? '';
  }
  return { ...match, params: Object.freeze(params) };
}
