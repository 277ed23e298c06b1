import { type Alignment, alignPlaceByPlace, type ItemMatch } from './alignment.ts';
import { isMap, type JsonList, type JsonNode, type JsonObject } from './json-node.ts';
import { judgeLeaves, type Leaf } from './leaf.ts';
import { alignInOrder } from './list-in-order.ts';
import { alignByName, alignUnordered } from './list-unordered.ts';
import { ANY } from './path.ts';
import { findRule, isIgnored, type RuleNode, type RulesHere, stepRules } from './rule-tree.ts';
import { note, probe, type Walk, within } from './walk.ts';

/** Tells what two values have against each other, from the outside in. */
export function compareNodes(walk: Walk, rules: RulesHere, legacy: JsonNode, fresh: JsonNode): void {
  walk.budget.steps -= 1;
  if (isIgnored(rules)) return;
  if (legacy.type !== fresh.type) return note(walk, 'type', legacy, fresh);
  if (legacy.type === 'object') {
    if (findRule(rules, 'format') !== 'any') compareObjects(walk, rules, legacy, fresh as JsonObject);
  } else if (legacy.type === 'list') {
    if (findRule(rules, 'format') !== 'any') compareLists(walk, rules, legacy, fresh as JsonList);
  } else {
    const kind = judgeLeaves(walk, rules, legacy, fresh as Leaf);
    if (kind) note(walk, kind, legacy, fresh);
  }
}

/** As `compareNodes`, where one side may have nothing. */
export function compareOptional(
  walk: Walk,
  rules: RulesHere,
  legacy: JsonNode | undefined,
  fresh: JsonNode | undefined,
): void {
  if (legacy && fresh) compareNodes(walk, rules, legacy, fresh);
  else if ((legacy || fresh) && !isIgnored(rules)) note(walk, legacy ? 'missing' : 'extra', legacy, fresh);
}

function compareObjects(walk: Walk, rules: RulesHere, legacy: JsonObject, fresh: JsonObject): void {
  const isData = isMap(legacy) || isMap(fresh);
  const compareField = (key: string, one: JsonNode | undefined, other: JsonNode | undefined) => {
    walk.steps.push(isData ? ANY : key);
    compareOptional(walk, stepRules(rules, key), one, other);
    walk.steps.pop();
    return !walk.finder.isFull;
  };
  for (const [key, one] of legacy.fields) if (!compareField(key, one, fresh.fields.get(key))) return;
  for (const [key, other] of fresh.fields)
    if (!legacy.fields.has(key) && !compareField(key, undefined, other)) return;
  if (legacy.again.length + fresh.again.length > 0) compareAgain(legacy, fresh, compareField);
}

type CompareField = (key: string, one: JsonNode | undefined, other: JsonNode | undefined) => boolean;

/** Keys that came more than once: the second time is compared with the second time, and so on. */
function compareAgain(legacy: JsonObject, fresh: JsonObject, compareField: CompareField): void {
  const ours = groupByKey(legacy.again);
  const theirs = groupByKey(fresh.again);
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    const [one, other] = [ours.get(key) ?? [], theirs.get(key) ?? []];
    for (let i = 0; i < Math.max(one.length, other.length); i++)
      if (!compareField(key, one[i]?.[1], other[i]?.[1])) return;
  }
}

const groupByKey = (again: JsonObject['again']) => Map.groupBy(again, ([key]) => key);

function compareLists(walk: Walk, rules: RulesHere, legacy: JsonList, fresh: JsonList): void {
  const itemRules = stepRules(rules, ANY);
  const unordered = findRule(rules, 'unordered');
  if (!unordered && walk.finder.purpose === 'probe') return probeInOrder(walk, itemRules, legacy, fresh);
  const match = matchItems(walk, itemRules);
  const alignment = align(legacy.items, fresh.items, match, unordered);
  if (alignment.order === 'changed') note(walk, 'order', legacy, fresh);
  tellAlignment(walk, itemRules, alignment);
}

function align(
  legacy: readonly JsonNode[],
  fresh: readonly JsonNode[],
  match: ItemMatch,
  unordered: RuleNode['unordered'],
): Alignment {
  if (unordered?.by !== undefined) return alignByName(legacy, fresh, unordered.by);
  if (match.budget.steps <= 0) return alignPlaceByPlace(legacy, fresh);
  return unordered ? alignUnordered(legacy, fresh, match) : alignInOrder(legacy, fresh, match);
}

/** A probe asks no more than whether all is the same. */
function probeInOrder(walk: Walk, itemRules: RulesHere, legacy: JsonList, fresh: JsonList): void {
  if (isIgnored(itemRules)) return;
  if (legacy.items.length !== fresh.items.length) return note(walk, 'extra', legacy, fresh);
  for (let i = 0; i < legacy.items.length && !walk.finder.isFull; i++)
    compareOptional(walk, itemRules, legacy.items[i], fresh.items[i]);
}

function matchItems(walk: Walk, itemRules: RulesHere): ItemMatch {
  return {
    // Where no rule and no clock has a say, equal texts are all that makes two items the same.
    byText: itemRules.length === 0 && walk.clock === undefined,
    isSame: (one, other) => probe(walk, (probing) => compareNodes(probing, itemRules, one, other)) === 'same',
    isCounted: (key) => !isIgnored(stepRules(itemRules, key)),
    budget: walk.budget,
  };
}

function tellAlignment(walk: Walk, itemRules: RulesHere, { pairs, missing, extra }: Alignment): void {
  within(walk, ANY, () => {
    for (const [one, other] of pairs) {
      if (walk.finder.isFull) return;
      compareNodes(walk, itemRules, one, other);
    }
    for (const one of missing) compareOptional(walk, itemRules, one, undefined);
    for (const other of extra) compareOptional(walk, itemRules, undefined, other);
  });
}
