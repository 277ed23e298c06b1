import type { MirrorRules, ValueFormat } from '../../vocabulary/index.ts';
import { ANY, parsePath } from './path.ts';

/** What the table says of one place, and what lies below it. */
export type RuleNode = {
  isIgnored: boolean;
  isClear: boolean;
  unordered: Readonly<{ by: string | undefined }> | undefined;
  within: number | undefined;
  format: ValueFormat | undefined;
  readonly next: Map<string, RuleNode>;
};

/** The rules that are in force at a place: more than one where both a name and `*` lead there. */
export type RulesHere = readonly RuleNode[];
export const NO_RULES: RulesHere = Object.freeze([]);

const compiled = new WeakMap<MirrorRules, RulesHere>();

/** The rules as a tree along the steps of paths. A text that names no place is no rule. */
export function compileRules(rules: MirrorRules): RulesHere {
  const known = compiled.get(rules);
  if (known) return known;
  const root = growRule();
  for (const path of rules.ignore) edit(root, path, (rule) => (rule.isIgnored = true));
  for (const path of rules.clear) edit(root, path, (rule) => (rule.isClear = true));
  for (const { list, by } of rules.unordered) edit(root, list, (rule) => (rule.unordered = { by }));
  for (const { pointer, within } of rules.tolerance) edit(root, pointer, (rule) => (rule.within = within));
  for (const { pointer, format } of rules.equal) edit(root, pointer, (rule) => (rule.format = format));
  const tree: RulesHere = root.next.size > 0 ? [root] : NO_RULES;
  compiled.set(rules, tree);
  return tree;
}

const growRule = (): RuleNode => ({
  isIgnored: false,
  isClear: false,
  unordered: undefined,
  within: undefined,
  format: undefined,
  next: new Map(),
});

function edit(root: RuleNode, path: string, change: (rule: RuleNode) => void): void {
  const steps = parsePath(path);
  if (!steps) return;
  let rule = root;
  for (const step of steps) {
    const next = rule.next.get(step) ?? growRule();
    rule.next.set(step, next);
    rule = next;
  }
  change(rule);
}

/** What is in force one step further: a rule that names the step, before one that says `*`. */
export function stepRules(rules: RulesHere, step: string): RulesHere {
  if (rules.length === 0) return NO_RULES;
  const next: RuleNode[] = [];
  for (const rule of rules) {
    const named = rule.next.get(step);
    if (named) next.push(named);
    const any = step === ANY ? undefined : rule.next.get(ANY);
    if (any) next.push(any);
  }
  return next.length > 0 ? next : NO_RULES;
}

export function rulesAt(rules: RulesHere, steps: readonly string[]): RulesHere {
  return steps.reduce(stepRules, rules);
}

export const isIgnored = (rules: RulesHere) => rules.some((rule) => rule.isIgnored);

/** Is a place, or one above it, named in `clear`? */
export function isClearAt(rules: RulesHere, steps: readonly string[]): boolean {
  let here = rules;
  for (const step of steps) {
    here = stepRules(here, step);
    if (here.some((rule) => rule.isClear)) return true;
  }
  return false;
}

/** The first word on a matter: a named step speaks before `*`. */
export function findRule<Key extends 'unordered' | 'within' | 'format'>(
  rules: RulesHere,
  key: Key,
): RuleNode[Key] | undefined {
  return rules.find((rule) => rule[key] !== undefined)?.[key];
}
