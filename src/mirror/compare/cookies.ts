import { findLines } from './header-list.ts';
import { compareOptional } from './json-compare.ts';
import { stringNode } from './json-node.ts';
import { COOKIE } from './path.ts';
import { isIgnored, type RulesHere, stepRules } from './rule-tree.ts';
import { readTime } from './time-text.ts';
import type { Walk } from './walk.ts';

/** A cookie as it was set (RFC 6265 section 5.2): attributes by their names in lower case, the last of a name counts. */
export type SetCookie = Readonly<{
  name: string;
  value: string;
  attributes: ReadonlyMap<string, string>;
}>;

type Sides = Readonly<{ legacy: readonly string[]; new: readonly string[] }>;

/** Tells how the cookies that were set differ: by name, those of one name in their order. */
export function compareCookies(walk: Walk, rules: RulesHere, headers: Sides): void {
  const cookieRules = stepRules(rules, COOKIE);
  const [legacy, fresh] = [readCookies(headers.legacy), readCookies(headers.new)];
  for (const name of [...new Set([...legacy.keys(), ...fresh.keys()])].sort()) {
    const own = stepRules(cookieRules, name);
    if (isIgnored(own)) continue;
    const [ours, theirs] = [legacy.get(name) ?? [], fresh.get(name) ?? []];
    walk.steps.push(COOKIE, name);
    for (let i = 0; i < Math.max(ours.length, theirs.length); i++)
      compareCookie(walk, own, ours[i], theirs[i]);
    walk.steps.length = 0;
  }
}

function compareCookie(
  walk: Walk,
  rules: RulesHere,
  legacy: SetCookie | undefined,
  fresh: SetCookie | undefined,
): void {
  compareOptional(walk, rules, legacy && stringNode(legacy.value), fresh && stringNode(fresh.value));
  if (!legacy || !fresh) return;
  for (const name of [...new Set([...legacy.attributes.keys(), ...fresh.attributes.keys()])].sort()) {
    const [one, other] = [legacy.attributes.get(name), fresh.attributes.get(name)];
    if (one !== undefined && other !== undefined && isSameAttribute(name, one, other)) continue;
    const own = stepRules(rules, `;${name}`);
    const node = (text: string | undefined) => (text === undefined ? undefined : stringNode(text));
    walk.steps.push(`;${name}`);
    compareOptional(walk, own, node(one), node(other));
    walk.steps.pop();
  }
}

function isSameAttribute(name: string, legacy: string, fresh: string): boolean {
  if (name === 'samesite') return legacy.toLowerCase() === fresh.toLowerCase();
  // RFC 6265 section 5.2.3: a leading dot says nothing.
  const host = (text: string) => text.replace(/^\./, '').toLowerCase();
  if (name === 'domain') return host(legacy) === host(fresh);
  if (name !== 'expires') return legacy === fresh;
  const [one, other] = [readTime(legacy), readTime(fresh)];
  return one && other ? one.ms === other.ms : legacy === fresh;
}

export function readCookies(headers: readonly string[]): ReadonlyMap<string, readonly SetCookie[]> {
  const cookies = new Map<string, SetCookie[]>();
  for (const line of findLines(headers, 'set-cookie')) {
    const cookie = readCookie(line);
    const known = cookies.get(cookie.name);
    if (known) known.push(cookie);
    else cookies.set(cookie.name, [cookie]);
  }
  return cookies;
}

function readCookie(line: string): SetCookie {
  const [pair = '', ...rest] = line.split(';');
  const { name, value } = cut(pair);
  const attributes = new Map(
    rest
      .map(cut)
      .flatMap((each) => (each.name === '' ? [] : [[each.name.toLowerCase(), each.value] as const])),
  );
  return { name, value, attributes };
}

function cut(part: string): Readonly<{ name: string; value: string }> {
  const equals = part.indexOf('=');
  if (equals < 0) return { name: part.trim(), value: '' };
  return { name: part.slice(0, equals).trim(), value: part.slice(equals + 1).trim() };
}
