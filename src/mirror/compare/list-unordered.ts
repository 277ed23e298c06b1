import {
  type Alignment,
  alignEitherWay,
  type ItemMatch,
  NOTHING_LEFT,
  type Pair,
  type Told,
  tellItems,
} from './alignment.ts';
import { alignByIdentity, findIdentity } from './identity.ts';
import { type JsonNode, printNode } from './json-node.ts';
import { pairByLikeness } from './likeness.ts';
import { cancelEqual, cancelSame } from './multiset.ts';

/** Two items of a list without order are one item that changed if at least half of their fields are equal. */
const LEAST_LIKENESS = 0.5;

/** Where order does not matter and nothing names the items: equal ones go together, then those that are most alike. */
export function alignUnordered(
  legacy: readonly JsonNode[],
  fresh: readonly JsonNode[],
  match: ItemMatch,
): Alignment {
  return alignEitherWay(tellItems(legacy, match.budget), tellItems(fresh, match.budget), match, alignSets);
}

function alignSets(one: readonly Told[], other: readonly Told[], match: ItemMatch): Alignment {
  const unequal = cancelEqual(one, other);
  const nodes = [unequal.legacy.map(({ node }) => node), unequal.fresh.map(({ node }) => node)] as const;
  const key = findIdentity(...nodes, match);
  if (key !== undefined) return { ...alignByIdentity(...nodes, key, match), order: 'kept' };
  const left = cancelSame(unequal, match);
  return alignLikely(
    left.legacy.map(({ node }) => node),
    left.fresh.map(({ node }) => node),
    match,
  );
}

function alignLikely(one: readonly JsonNode[], other: readonly JsonNode[], match: ItemMatch): Alignment {
  const { pairs, missing, extra } = pairByLikeness(one, other, LEAST_LIKENESS, match);
  return {
    ...NOTHING_LEFT,
    pairs: pairs.map(([i, j]) => [one[i] as JsonNode, other[j] as JsonNode]),
    missing: missing.map((i) => one[i] as JsonNode),
    extra: extra.map((j) => other[j] as JsonNode),
  };
}

const cutPointer = (by: string) =>
  by
    .replace(/^\//, '')
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));

/**
 * Where order does not matter and `pointer` leads to what names an item: items of the same name are pairs in their order; those without a
 * name, too.
 */
export function alignByName(
  legacy: readonly JsonNode[],
  fresh: readonly JsonNode[],
  pointer: string,
): Alignment {
  const by = cutPointer(pointer);
  const theirs = new Map<string, JsonNode[]>();
  for (const node of fresh) {
    const name = nameNode(node, by);
    const group = theirs.get(name);
    if (group) group.push(node);
    else theirs.set(name, [node]);
  }
  // Taken from the end, which is cheap, hence turned round.
  for (const group of theirs.values()) group.reverse();
  const pairs: Pair[] = [];
  const missing: JsonNode[] = [];
  for (const node of legacy) {
    const other = theirs.get(nameNode(node, by))?.pop();
    if (other) pairs.push([node, other]);
    else missing.push(node);
  }
  const extra = [...theirs.values()].flatMap((group) => group.reverse());
  return { ...NOTHING_LEFT, pairs, missing, extra };
}

function nameNode(node: JsonNode, by: readonly string[]): string {
  let here: JsonNode | undefined = node;
  for (const step of by) here = here?.type === 'object' ? here.fields.get(step) : undefined;
  return here ? printNode(here) : '';
}
