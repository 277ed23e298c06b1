import {
  type Node as AnyNode,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { DEEPEST, findHopeless, TOO_DEEP } from './hostile-text.ts';
import type { Mistake, TablePath } from './mistake.ts';

// YAML 1.2 core and no more: one document, no anchors, no tags, string keys. Everything here takes one look at each node: a megabyte
// of anything is refused in a second or two.

const MOST_SYNTAX_MISTAKES = 20;

export type TableDocument = Readonly<{
  /** What the text says, as far as it could be read; objects have no prototype. */
  value: unknown;
  yaml: Document.Parsed | undefined;
  mistakes: readonly Mistake[];
  /** Says where in the text a path is: its value, or its key. */
  locate(path: TablePath, part: 'value' | 'key'): Readonly<{ line: number; column: number }>;
  /** True if the syntax is so broken that what is missing may only be hidden. */
  isTorn: boolean;
}>;

const NOWHERE = { line: 1, column: 1 };

export function parseTableText(text: string): TableDocument {
  const hopeless = findHopeless(text);
  if (hopeless)
    return { value: undefined, yaml: undefined, mistakes: [hopeless], locate: () => NOWHERE, isTorn: true };
  const lines = new LineCounter();
  const yaml = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    stringKeys: true,
    // The library compares every key with every other: a megabyte of keys would take minutes. `findRepeats` needs one look at each.
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const syntax = describeSyntax(yaml.errors, at);
  const foreign = findForeign(yaml, at);
  return {
    value: readValue(yaml.contents, 0),
    yaml,
    mistakes: [...syntax, ...foreign],
    locate: (path, part) => at(findOffset(yaml, path, part)),
    isTorn: yaml.errors.length > 0,
  };
}

type At = (offset: number) => Readonly<{ line: number; column: number }>;

function describeSyntax(errors: readonly YAMLError[], at: At): readonly Mistake[] {
  const seen = new Set<number>();
  const mistakes: Mistake[] = [];
  for (const { code, message, pos } of errors) {
    const place = at(pos[0]);
    // One slip makes the parser stumble over everything behind it on the line: the first complaint is the one to mend.
    if (seen.has(place.line) || mistakes.length >= MOST_SYNTAX_MISTAKES) continue;
    seen.add(place.line);
    mistakes.push({ ...place, path: '', message: SYNTAX[code] ?? `this is not YAML: ${message}` });
  }
  return mistakes;
}

const SYNTAX: Partial<Record<YAMLError['code'], string>> = {
  MULTIPLE_DOCS: 'expected one document, found a second one (---)',
  TAB_AS_INDENT: 'expected spaces as indentation, found a tab',
  NON_STRING_KEY: 'expected a plain word as key',
  RESOURCE_EXHAUSTION: TOO_DEEP,
  BAD_ALIAS: 'expected the value itself, found an alias (*) of a name that is not there',
};

/** Anchors, aliases and tags: one place of the text must mean one thing, or a flip could change more than it says. */
function findForeign(yaml: Document.Parsed, at: At): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  visit(yaml, {
    Node(_key, node, ancestors) {
      const depth = ancestors.filter(isCollection).length;
      const message = depth > DEEPEST ? TOO_DEEP : describeForeign(node);
      if (message) mistakes.push({ ...at(node.range?.[0] ?? 0), path: '', message });
      if (isMap(node)) for (const repeat of findRepeats(node as YAMLMap.Parsed, at)) mistakes.push(repeat);
      return depth > DEEPEST ? visit.BREAK : undefined;
    },
  });
  return mistakes;
}

function describeForeign(node: AnyNode): string | undefined {
  if (isAlias(node)) return `expected the value itself, found the alias *${node.source}: write it out`;
  if (node.anchor) return `expected no anchor, found &${node.anchor}: write the value where it is needed`;
  return node.tag !== undefined && !IMPLIED_TAGS.has(node.tag)
    ? `expected no tag, found ${node.tag}`
    : undefined;
}

function findRepeats(map: YAMLMap.Parsed, at: At): readonly Mistake[] {
  const seen = new Set<string>();
  return map.items.flatMap((pair) => {
    const key = keyOf(pair);
    const isRepeat = key !== undefined && seen.has(key);
    if (key !== undefined) seen.add(key);
    const message = `expected each key once, found "${key}" again`;
    return isRepeat ? [{ ...at(pair.key.range[0]), path: '', message }] : [];
  });
}

const IMPLIED_TAGS = new Set(
  ['map', 'seq', 'str', 'int', 'float', 'bool', 'null'].map((name) => `tag:yaml.org,2002:${name}`),
);

/** Plain values without prototypes, so that no key of the text can mean anything to JavaScript. */
function readValue(node: unknown, depth: number): unknown {
  if (depth > DEEPEST + 1) return undefined;
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map((item) => readValue(item, depth + 1));
  if (!isMap(node)) return undefined;
  const value: Record<string, unknown> = Object.create(null);
  for (const pair of node.items) {
    const key = keyOf(pair);
    if (key !== undefined) value[key] = readValue(pair.value, depth + 1);
  }
  return value;
}

function keyOf(pair: Pair): string | undefined {
  return isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : undefined;
}

type AnyPair = Pair<ParsedNode, ParsedNode | null>;
const pairsByKey = new WeakMap<YAMLMap, ReadonlyMap<PropertyKey | undefined, AnyPair>>();

/** The pair of a key; where a key stands twice, the last one. */
export function findPair(map: unknown, key: PropertyKey): AnyPair | undefined {
  if (!isMap(map)) return undefined;
  const known = pairsByKey.get(map);
  if (known) return known.get(key);
  const pairs = map.items as readonly AnyPair[];
  pairsByKey.set(map, new Map(pairs.map((pair) => [keyOf(pair), pair])));
  return findPair(map, key);
}

/** The node at a path, as deep as the text goes. */
function findOffset(yaml: Document.Parsed, path: TablePath, part: 'value' | 'key'): number {
  let node: ParsedNode | null = yaml.contents;
  let offset = node?.range[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const pair: AnyPair | undefined = findPair(node, step);
    const next: ParsedNode | null | undefined = pair
      ? pair.value
      : isSeq(node) && typeof step === 'number'
        ? (node.items[step] as ParsedNode | undefined)
        : undefined;
    if (!pair && !next) return offset;
    const isLast = depth === path.length - 1;
    offset = (isLast && part === 'key' && pair ? pair.key : (next ?? pair?.key))?.range[0] ?? offset;
    node = next ?? null;
  }
  return offset;
}
