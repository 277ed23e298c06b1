import {
  type Alignment,
  alignEitherWay,
  alignPlaceByPlace,
  type ItemMatch,
  NOTHING_LEFT,
  type Told,
  tellItems,
} from './alignment.ts';
import { alignByIdentity, findIdentity } from './identity.ts';
import type { JsonNode } from './json-node.ts';
import { alignByEdits } from './list-edits.ts';
import { cancelEqual, cancelSame } from './multiset.ts';

/** Where order matters: an item that came in between is one item, and items that only changed places are one `order`. */
export function alignInOrder(
  legacy: readonly JsonNode[],
  fresh: readonly JsonNode[],
  match: ItemMatch,
): Alignment {
  const [ours, theirs] = trimEnds(legacy, fresh, match);
  if (ours.length === 0 || theirs.length === 0) return { ...NOTHING_LEFT, missing: ours, extra: theirs };
  const key = findIdentity(ours, theirs, match);
  if (key !== undefined) return alignByIdentity(ours, theirs, key, match);
  return alignEitherWay(tellItems(ours, match.budget), tellItems(theirs, match.budget), match, alignRest);
}

function alignRest(one: readonly Told[], other: readonly Told[], match: ItemMatch): Alignment {
  if (isPermutation(one, other, match)) return { ...NOTHING_LEFT, order: 'changed' };
  const nodes = [one.map(({ node }) => node), other.map(({ node }) => node)] as const;
  return alignByEdits(one, other, match) ?? alignPlaceByPlace(...nodes);
}

function isPermutation(one: readonly Told[], other: readonly Told[], match: ItemMatch): boolean {
  if (one.length !== other.length || one.length === 1) return false;
  const left = cancelSame(cancelEqual(one, other), match);
  return left.legacy.length === 0 && left.fresh.length === 0;
}

type Items = readonly JsonNode[];

function trimEnds(legacy: Items, fresh: Items, match: ItemMatch): readonly [Items, Items] {
  const shorter = Math.min(legacy.length, fresh.length);
  const isSameAt = (i: number, j: number) => match.isSame(legacy[i] as JsonNode, fresh[j] as JsonNode);
  let start = 0;
  while (start < shorter && isSameAt(start, start)) start += 1;
  let [legacyEnd, freshEnd] = [legacy.length, fresh.length];
  while (legacyEnd > start && freshEnd > start && isSameAt(legacyEnd - 1, freshEnd - 1)) {
    legacyEnd -= 1;
    freshEnd -= 1;
  }
  return [legacy.slice(start, legacyEnd), fresh.slice(start, freshEnd)];
}
