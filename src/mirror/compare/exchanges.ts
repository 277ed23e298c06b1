import type { MirrorRules, RowChange, SideAnswer } from '../../vocabulary/index.ts';
import { type BodyReason, compareBodies } from './body.ts';
import { type CompareBounds, chooseBounds } from './bounds.ts';
import { makeClock } from './clock.ts';
import { compareCookies } from './cookies.ts';
import { type FoundDifference, startFindings } from './found.ts';
import { compareHeaders } from './headers.ts';
import type { JsonNode } from './json-node.ts';
import { STATUS } from './path.ts';
import { compareRows } from './rows.ts';
import { compileRules, isIgnored, type RulesHere, stepRules } from './rule-tree.ts';
import { note, type Walk, within } from './walk.ts';

/** Two answers to one request, and what the rules say of them. */
export type ExchangePair = Readonly<{
  legacy: SideAnswer;
  new: SideAnswer;
  /** What each side wrote, or would have written; undefined where nobody knows. */
  rows: Readonly<{ legacy: readonly RowChange[]; new: readonly RowChange[] }> | undefined;
  /** Writes take times from clocks, and the two sides ran at different times; what reads tell was there before. */
  method: 'safe' | 'unsafe';
  rules: MirrorRules;
  /** The authority that was asked: a location there is the same absolute or as a path. */
  host?: string | undefined;
  bounds?: Partial<CompareBounds> | undefined;
}>;

export type Compared =
  | Readonly<{ kind: 'same' }>
  /** At least one. */
  | Readonly<{ kind: 'different'; differences: readonly FoundDifference[] }>
  /** As far as could be looked there was no difference. */
  | Readonly<{ kind: 'not_compared'; reason: BodyReason }>;

const SAME: Compared = Object.freeze({ kind: 'same' });

/**
 * Compares two answers: status, headers, cookies, body, rows, in this order. Where the statuses are of two classes nothing else is looked at.
 * A pure function of its arguments; hostile answers cost bounded time and are never thrown.
 */
export function compareExchanges(pair: ExchangePair): Compared {
  const bounds = chooseBounds(pair.bounds);
  const findings = startFindings(bounds.differences);
  const walk: Walk = {
    finder: findings,
    steps: [],
    clock: pair.method === 'unsafe' ? makeClock(pair.legacy, pair.new, bounds.clockSlackMs) : undefined,
    writer: 'handler',
    budget: { steps: bounds.steps },
  };
  const reason = compareAll(walk, compileRules(pair.rules), pair, bounds);
  const differences = findings.list();
  if (differences.length > 0) return { kind: 'different', differences };
  return reason === undefined ? SAME : { kind: 'not_compared', reason };
}

function compareAll(
  walk: Walk,
  rules: RulesHere,
  pair: ExchangePair,
  bounds: CompareBounds,
): BodyReason | undefined {
  if (compareStatus(walk, rules, pair) === 'other_class') return undefined;
  const { legacy, new: fresh } = pair;
  const headers = { legacy: legacy.headers, new: fresh.headers };
  compareHeaders(walk, rules, headers, pair.rules.headers, pair.host);
  compareCookies(walk, rules, headers);
  const body = compareBodies(walk, rules, legacy, fresh, bounds);
  const rows = pair.rows
    ? compareRows({ ...walk, writer: 'database' }, rules, pair.rows, bounds)
    : 'compared';
  return body !== 'compared' ? body : rows === 'compared' ? undefined : rows;
}

/** An error page is not a bad list: of two classes of statuses only the statuses are told. */
function compareStatus(walk: Walk, rules: RulesHere, pair: ExchangePair): 'same_class' | 'other_class' {
  const [legacy, fresh] = [pair.legacy.status, pair.new.status];
  if (legacy === fresh || isIgnored(stepRules(rules, STATUS))) return 'same_class';
  within(walk, STATUS, () => note(walk, 'value', showStatus(legacy), showStatus(fresh)));
  return Math.floor(legacy / 100) === Math.floor(fresh / 100) ? 'same_class' : 'other_class';
}

const showStatus = (status: number): JsonNode => ({ type: 'number', text: String(status) });
