import { pickHeaders } from './header-list.ts';
import { readMeaning } from './header-meaning.ts';
import { compareOptional } from './json-compare.ts';
import { type JsonNode, stringNode } from './json-node.ts';
import { HEADER } from './path.ts';
import { isIgnored, type RulesHere, stepRules } from './rule-tree.ts';
import { note, type Walk } from './walk.ts';

type Sides<Value> = Readonly<{ legacy: Value; new: Value }>;

/** Tells how the compared headers differ by what they say. */
export function compareHeaders(
  walk: Walk,
  rules: RulesHere,
  headers: Sides<readonly string[]>,
  named: readonly string[] | undefined,
  host: string | undefined,
): void {
  if (areSame(headers.legacy, headers.new)) return;
  const legacy = pickHeaders(headers.legacy, named);
  const fresh = pickHeaders(headers.new, named);
  const headerRules = stepRules(rules, HEADER);
  for (const name of [...new Set([...legacy.keys(), ...fresh.keys()])].sort()) {
    const own = stepRules(headerRules, name);
    if (isIgnored(own)) continue;
    walk.steps.push(HEADER, name);
    compareLines(walk, own, name, { legacy: legacy.get(name), new: fresh.get(name) }, host);
    walk.steps.length = 0;
  }
}

function compareLines(
  walk: Walk,
  rules: RulesHere,
  name: string,
  lines: Sides<readonly string[] | undefined>,
  host: string | undefined,
): void {
  if (lines.legacy && lines.new && areSame(lines.legacy, lines.new)) return;
  const [one, other] = [showLines(lines.legacy), showLines(lines.new)];
  if (!lines.legacy || !lines.new) return compareOptional(walk, rules, one, other);
  const legacy = readMeaning(name, lines.legacy, host);
  const fresh = readMeaning(name, lines.new, host);
  if (legacy.length !== fresh.length)
    return note(walk, legacy.length > fresh.length ? 'missing' : 'extra', one, other);
  // By their own words, so that rules speak of what the header says.
  if (!areSame(legacy, fresh)) compareOptional(walk, rules, one, other);
}

function areSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i]);
}

/** RFC 9110 section 5.3: several lines read as one. */
function showLines(lines: readonly string[] | undefined): JsonNode | undefined {
  return lines && stringNode(lines.join(', '));
}
