import { type JsonNode, type JsonObject, printNode } from './json-node.ts';
import type { Budget } from './walk.ts';

/** Which item of one list goes with which of the other. Items that are the same are in none of these. */
export type Alignment = Readonly<{
  /** To be compared with each other. */
  pairs: readonly Pair[];
  missing: readonly JsonNode[];
  extra: readonly JsonNode[];
  order: 'kept' | 'changed';
}>;
export type Pair = readonly [legacy: JsonNode, fresh: JsonNode];

/** What makes two items the same here. */
export type ItemMatch = Readonly<{
  /** Equal text, and nothing else. */
  byText: boolean;
  isSame(legacy: JsonNode, fresh: JsonNode): boolean;
  /** Whether a field of an item is compared at all. */
  isCounted(key: string): boolean;
  budget: Budget;
}>;

export const NOTHING_LEFT: Alignment = Object.freeze({ pairs: [], missing: [], extra: [], order: 'kept' });

/** The items of a list with their texts, which cost something to write. */
export type Told = Readonly<{ node: JsonNode; text: string }>;

export function tellItems(items: readonly JsonNode[], budget: Budget): readonly Told[] {
  return items.map((node) => {
    const text = printNode(node);
    budget.steps -= 1 + (text.length >> 3);
    return { node, text };
  });
}

/**
 * Runs an alignment always from the same list, whichever side it is on: so that what is missing one way round is extra the other way round.
 */
export function alignEitherWay(
  legacy: readonly Told[],
  fresh: readonly Told[],
  match: ItemMatch,
  align: (one: readonly Told[], other: readonly Told[], match: ItemMatch) => Alignment,
): Alignment {
  if (!comesFirst(fresh, legacy)) return align(legacy, fresh, match);
  const isSame = (one: JsonNode, other: JsonNode) => match.isSame(other, one);
  const { pairs, missing, extra, order } = align(fresh, legacy, { ...match, isSame });
  return { pairs: pairs.map(([one, other]) => [other, one]), missing: extra, extra: missing, order };
}

function comesFirst(one: readonly Told[], other: readonly Told[]): boolean {
  if (one.length !== other.length) return one.length < other.length;
  for (const [i, { text }] of one.entries()) {
    const opposite = other[i]?.text ?? '';
    if (text !== opposite) return text < opposite;
  }
  return false;
}

/** The last resort: first with first, second with second. */
export function alignPlaceByPlace(legacy: readonly JsonNode[], fresh: readonly JsonNode[]): Alignment {
  const length = Math.min(legacy.length, fresh.length);
  return {
    pairs: legacy.slice(0, length).map((one, i) => [one, fresh[i] as JsonNode]),
    missing: legacy.slice(length),
    extra: fresh.slice(length),
    order: 'kept',
  };
}

/** How alike two items are: the share of fields that are equal, 0 to 1; items that are no objects are not alike at all. */
export function measureLikeness(
  legacy: ReadonlyMap<string, string> | undefined,
  fresh: ReadonlyMap<string, string> | undefined,
): number {
  if (!legacy || !fresh) return 0;
  const [fewer, more] = legacy.size <= fresh.size ? [legacy, fresh] : [fresh, legacy];
  let shared = 0;
  for (const [key, text] of fewer) if (more.get(key) === text) shared += 1;
  return shared / Math.max(more.size, 1);
}

/** The texts of an object's fields, apart from those that are ignored. */
export function tellFields(
  node: JsonNode,
  match: Pick<ItemMatch, 'isCounted' | 'budget'>,
): ReadonlyMap<string, string> | undefined {
  if (node.type !== 'object') return undefined;
  const fields = new Map<string, string>();
  for (const [key, value] of (node as JsonObject).fields) {
    if (!match.isCounted(key)) continue;
    const text = printNode(value);
    match.budget.steps -= 1 + (text.length >> 3);
    fields.set(key, text);
  }
  return fields;
}
