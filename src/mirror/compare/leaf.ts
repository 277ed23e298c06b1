import type { DifferenceKind } from '../../vocabulary/index.ts';
import { areClockReadings } from './clock.ts';
import { judgeFormat } from './formats.ts';
import type { JsonNode } from './json-node.ts';
import { areWithin, isDecimalText, judgeNumbers } from './number.ts';
import { findRule, type RulesHere } from './rule-tree.ts';
import type { Walk } from './walk.ts';

export type Leaf = Exclude<JsonNode, { type: 'list' | 'object' }>;
type LeafKind = Extract<DifferenceKind, 'value' | 'precision'>;

/** What two values of the same type have against each other, if anything. */
export function judgeLeaves(walk: Walk, rules: RulesHere, legacy: Leaf, fresh: Leaf): LeafKind | undefined {
  if (legacy.text === fresh.text && isSameLength(legacy, fresh)) return undefined;
  walk.budget.steps -= (legacy.text.length + fresh.text.length) >> 4;
  const format = findRule(rules, 'format');
  const formal = format && judgeFormat(format, legacy, fresh, walk.writer);
  if (formal) return formal === 'same' ? undefined : 'value';
  if (legacy.type === 'number') return judgeDecimals(walk, rules, legacy.text, fresh.text);
  return legacy.type === 'string' ? judgeStrings(walk, rules, legacy.text, fresh.text) : 'value';
}

const isSameLength = (legacy: Leaf, fresh: Leaf) =>
  legacy.type !== 'bytes' || fresh.type !== 'bytes' || legacy.length === fresh.length;

function judgeDecimals(walk: Walk, rules: RulesHere, legacy: string, fresh: string): LeafKind | undefined {
  const tolerated = findRule(rules, 'within');
  if (tolerated !== undefined && areWithin(legacy, fresh, tolerated)) return undefined;
  // A probe need not know what kind of difference it is.
  if (walk.finder.purpose === 'probe') return 'value';
  const judged = judgeNumbers(legacy, fresh);
  return judged === 'same' ? undefined : judged;
}

function judgeStrings(walk: Walk, rules: RulesHere, legacy: string, fresh: string): LeafKind | undefined {
  if (walk.clock && areClockReadings(walk.clock, legacy, fresh, walk.writer)) return undefined;
  if (isDecimalText(legacy) && isDecimalText(fresh)) return judgeDecimals(walk, rules, legacy, fresh);
  return 'value';
}
