import {
  type Alignment,
  type ItemMatch,
  measureLikeness,
  type Pair,
  type Told,
  tellFields,
} from './alignment.ts';
import type { JsonNode } from './json-node.ts';

const LARGEST_GRID = 250_000;
/** What it costs to take two items for each other that have nothing in common, not even their type; to leave one out costs 1. */
const COST_OF_ODD_PAIR = 1.5;
const COST_OF_PAIR = 1;
const COST_OF_LIKE_PAIR = 0.5;

/** The cheapest way to make one list of the other by changing, leaving out and putting in items; undefined where that is too much work. */
export function alignByEdits(
  one: readonly Told[],
  other: readonly Told[],
  match: ItemMatch,
): Alignment | undefined {
  if (one.length * other.length > LARGEST_GRID) return undefined;
  const cost = measurePairs(one, other, match);
  const width = other.length + 1;
  const costs = new Float64Array((one.length + 1) * width);
  for (let i = 0; i <= one.length; i++) {
    for (let j = 0; j <= other.length; j++) {
      if (i === 0 || j === 0) costs[i * width + j] = i + j;
      else {
        const left = 1 + Math.min(at(costs, (i - 1) * width + j), at(costs, i * width + j - 1));
        costs[i * width + j] = Math.min(left, at(costs, (i - 1) * width + j - 1) + cost(i - 1, j - 1));
      }
    }
    if (match.budget.steps <= 0) return undefined;
  }
  return traceBack(one, other, costs, cost);
}

type CostOf = (i: number, j: number) => number;
const at = (costs: Float64Array, place: number) => costs[place] ?? 0;

/** What each pair costs, found out once. */
function measurePairs(one: readonly Told[], other: readonly Told[], match: ItemMatch): CostOf {
  const known = new Float64Array(one.length * other.length).fill(-1);
  const ours = one.map(({ node }) => tellFields(node, match));
  const theirs = other.map(({ node }) => tellFields(node, match));
  const measure: CostOf = (i, j) => {
    const [mine, yours] = [one[i] as Told, other[j] as Told];
    match.budget.steps -= 1 + Math.min(ours[i]?.size ?? 0, theirs[j]?.size ?? 0);
    if (mine.text === yours.text || (!match.byText && match.isSame(mine.node, yours.node))) return 0;
    if (mine.node.type !== yours.node.type) return COST_OF_ODD_PAIR;
    return COST_OF_PAIR - (COST_OF_PAIR - COST_OF_LIKE_PAIR) * measureLikeness(ours[i], theirs[j]);
  };
  return (i, j) => {
    const place = i * other.length + j;
    if (at(known, place) < 0) known[place] = measure(i, j);
    return at(known, place);
  };
}

function traceBack(
  one: readonly Told[],
  other: readonly Told[],
  costs: Float64Array,
  cost: CostOf,
): Alignment {
  const width = other.length + 1;
  const pairs: Pair[] = [];
  const missing: JsonNode[] = [];
  const extra: JsonNode[] = [];
  let [i, j] = [one.length, other.length];
  const node = (items: readonly Told[], place: number) => (items[place] as Told).node;
  while (i > 0 || j > 0) {
    const here = at(costs, i * width + j);
    const isPair = i > 0 && j > 0 && here === at(costs, (i - 1) * width + j - 1) + cost(i - 1, j - 1);
    if (isPair) {
      i -= 1;
      j -= 1;
      if (cost(i, j) > 0) pairs.push([node(one, i), node(other, j)]);
    } else if (i > 0 && here === at(costs, (i - 1) * width + j) + 1) {
      i -= 1;
      missing.push(node(one, i));
    } else {
      j -= 1;
      extra.push(node(other, j));
    }
  }
  // Found from the end.
  return { pairs: pairs.reverse(), missing: missing.reverse(), extra: extra.reverse(), order: 'kept' };
}
