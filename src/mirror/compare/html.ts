import { cutHtml, type HtmlToken } from './html-tokens.ts';
import { compareOptional } from './json-compare.ts';
import { stringNode } from './json-node.ts';
import { isIgnored, type RulesHere, stepRules } from './rule-tree.ts';
import { note, type Walk } from './walk.ts';

type Tokens = readonly HtmlToken[];
/** The elements that the walk is inside of, by the rules that are in force there. */
type Place = { rules: RulesHere[]; legacy: number; fresh: number };

/**
 * Tells how two pages differ, at the path of the element: /html/body/h1 for its text, /html/body/a/@href for an attribute. Elements of one
 * name are one place. Where the pages are built differently, the element in which that begins is the last that is told.
 */
export function compareHtml(
  walk: Walk,
  rules: RulesHere,
  legacy: string,
  fresh: string,
  most: number,
): 'compared' | 'too_complex' {
  const [ours, theirs] = [cutHtml(legacy, most), cutHtml(fresh, most)];
  if (!ours || !theirs) return 'too_complex';
  const depth = walk.steps.length;
  const place: Place = { rules: [rules], legacy: 0, fresh: 0 };
  while (place.legacy < ours.length || place.fresh < theirs.length) {
    if (walk.finder.isFull || compareTokens(walk, place, ours, theirs) === 'parted') break;
  }
  walk.steps.length = depth;
  return 'compared';
}

function compareTokens(walk: Walk, place: Place, ours: Tokens, theirs: Tokens): 'on' | 'parted' {
  const here = place.rules.at(-1) ?? [];
  if (skipIgnored(place, here, ours, theirs)) return 'on';
  const [one, other] = [ours[place.legacy], theirs[place.fresh]];
  place.legacy += 1;
  place.fresh += 1;
  if (one?.kind === 'text' && other?.kind === 'text') {
    compareOptional(walk, here, stringNode(one.text), stringNode(other.text));
    return 'on';
  }
  if (one?.kind === 'open' && other?.kind === 'open' && one.name === other.name) {
    enter(walk, place, one.name);
    compareAttributes(walk, place.rules.at(-1) ?? [], one, other);
    return 'on';
  }
  if (one?.kind === 'close' && other?.kind === 'close') {
    leave(walk, place);
    return 'on';
  }
  return part(walk, one, other);
}

/** An element that the rules leave out is passed over on whichever side it stands. */
function skipIgnored(place: Place, here: RulesHere, ours: Tokens, theirs: Tokens): boolean {
  const findEnd = (token: HtmlToken | undefined) =>
    token?.kind === 'open' && isIgnored(stepRules(here, token.name)) ? token.end + 1 : undefined;
  const [ourEnd, theirEnd] = [findEnd(ours[place.legacy]), findEnd(theirs[place.fresh])];
  place.legacy = ourEnd ?? place.legacy;
  place.fresh = theirEnd ?? place.fresh;
  return ourEnd !== undefined || theirEnd !== undefined;
}

function enter(walk: Walk, place: Place, name: string): void {
  walk.steps.push(name);
  place.rules.push(stepRules(place.rules.at(-1) ?? [], name));
}

function leave(walk: Walk, place: Place): void {
  walk.steps.pop();
  place.rules.pop();
}

type Open = Extract<HtmlToken, { kind: 'open' }>;

function compareAttributes(walk: Walk, rules: RulesHere, legacy: Open, fresh: Open): void {
  for (const name of new Set([...legacy.attributes.keys(), ...fresh.attributes.keys()])) {
    const [one, other] = [legacy.attributes.get(name), fresh.attributes.get(name)];
    if (one === other) continue;
    const step = `@${name}`;
    walk.steps.push(step);
    compareOptional(walk, stepRules(rules, step), showText(one), showText(other));
    walk.steps.pop();
  }
}

const showText = (text: string | undefined) => (text === undefined ? undefined : stringNode(text));

/** From here on the pages are built differently. */
function part(walk: Walk, one: HtmlToken | undefined, other: HtmlToken | undefined): 'parted' {
  const [ours, theirs] = [showToken(one), showToken(other)];
  if (ours !== undefined && theirs !== undefined) note(walk, 'value', stringNode(ours), stringNode(theirs));
  else note(walk, ours === undefined ? 'extra' : 'missing', showText(ours), showText(theirs));
  return 'parted';
}

/** The end of an element is where something else is lacking. */
function showToken(token: HtmlToken | undefined): string | undefined {
  if (token?.kind === 'text') return token.text;
  return token?.kind === 'open' ? `<${token.name}>` : undefined;
}
