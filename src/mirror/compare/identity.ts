import type { Alignment, ItemMatch, Pair } from './alignment.ts';
import type { JsonNode, JsonObject } from './json-node.ts';

const USUAL = /^(?:id|pk|uuid|key|slug)$/i;
type Places = ReadonlyMap<string, number>;

/**
 * The field by which the items of two lists can be told apart and found again: a text or a number that every item has and no two items of
 * a list share. The usual names need one item in common, others half of the shorter list.
 */
export function findIdentity(
  legacy: readonly JsonNode[],
  fresh: readonly JsonNode[],
  match: ItemMatch,
): string | undefined {
  const first = legacy[0];
  if (first?.type !== 'object') return undefined;
  const least = Math.min(legacy.length, fresh.length) / 2;
  const candidates = [...first.fields.keys()].filter(match.isCounted).flatMap((key) => {
    const common = countCommon(indexBy(legacy, key, match), indexBy(fresh, key, match));
    const isUsual = USUAL.test(key);
    return common > 0 && (isUsual || common >= least) ? [{ key, common, isUsual }] : [];
  });
  candidates.sort(
    (one, other) =>
      Number(other.isUsual) - Number(one.isUsual) ||
      other.common - one.common ||
      (one.key < other.key ? -1 : 1),
  );
  return candidates[0]?.key;
}

function countCommon(legacy: Places | undefined, fresh: Places | undefined): number {
  if (!legacy || !fresh) return 0;
  let common = 0;
  for (const name of legacy.keys()) if (fresh.has(name)) common += 1;
  return common;
}

/** Where the item with each name stands; undefined where the field does not name items. */
function indexBy(items: readonly JsonNode[], key: string, { budget }: ItemMatch): Places | undefined {
  const places = new Map<string, number>();
  for (const [place, item] of items.entries()) {
    budget.steps -= 1;
    const name = item.type === 'object' ? nameItem(item, key) : undefined;
    if (name === undefined || places.has(name)) return undefined;
    places.set(name, place);
  }
  return places;
}

const LONGEST_NAME = 200;

function nameItem({ fields }: JsonObject, key: string): string | undefined {
  const value = fields.get(key);
  if (value?.type !== 'string' && value?.type !== 'number') return undefined;
  return value.text.length <= LONGEST_NAME ? `${value.type} ${value.text}` : undefined;
}

/** Items of the same name are a pair; order is what became of those that both lists have. */
export function alignByIdentity(
  legacy: readonly JsonNode[],
  fresh: readonly JsonNode[],
  key: string,
  match: ItemMatch,
): Alignment {
  const theirs: Places = indexBy(fresh, key, match) ?? new Map();
  const ours: Places = indexBy(legacy, key, match) ?? new Map();
  const pairs: Pair[] = [];
  const missing: JsonNode[] = [];
  let order: Alignment['order'] = 'kept';
  let last = -1;
  for (const [name, place] of ours) {
    const one = legacy[place] as JsonNode;
    const found = theirs.get(name);
    if (found === undefined) missing.push(one);
    else {
      if (found < last) order = 'changed';
      last = Math.max(last, found);
      pairs.push([one, fresh[found] as JsonNode]);
    }
  }
  const extra = [...theirs].filter(([name]) => !ours.has(name)).map(([, place]) => fresh[place] as JsonNode);
  return { pairs, missing, extra, order };
}
