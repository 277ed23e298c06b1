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
import type { Mistake, TablePath } from './mistake.ts';

// YAML 1.2 core and no more: one document, no anchors, no tags, string keys. A table is short and flat; whatever is longer, deeper
// or cleverer is an attack or an accident, and is refused before it can cost time (20,000 brackets took yaml half a second).

const LARGEST_BYTES = 1_048_576;
const DEEPEST = 32;
/** So deep that the parser need not be asked. Counted without regard to quotes, hence far above what is allowed. */
const HOPELESS_DEPTH = 200;
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
    keepSourceTokens: true,
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

function findHopeless(text: string): Mistake | undefined {
  const whole = (message: string, index = 0): Mistake => ({ ...positionOf(text, index), path: '', message });
  if (Buffer.byteLength(text) > LARGEST_BYTES)
    return whole('expected at most 1 MiB of text, found a larger file');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control bytes are what is looked for
  const binary = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd]/.exec(text);
  if (binary) return whole('expected plain text in UTF-8, found a byte that is none', binary.index);
  const deep = findHopelessDepth(text);
  return deep === undefined ? undefined : whole(TOO_DEEP, deep);
}

const TOO_DEEP = `expected at most ${DEEPEST} levels, found deeper nesting`;

function positionOf(text: string, index: number) {
  const before = text.slice(0, index).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function findHopelessDepth(text: string): number | undefined {
  let brackets = 0;
  let dashes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '[' || char === '{') brackets += 1;
    else if (char === ']' || char === '}') brackets -= 1;
    else if (char === '\n') dashes = 0;
    else if ((char === '-' || char === '?') && text[index + 1] === ' ') dashes += 1;
    if (brackets > HOPELESS_DEPTH || dashes > HOPELESS_DEPTH) return index;
  }
  return undefined;
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
      if (isMap(node)) mistakes.push(...findRepeats(node as YAMLMap.Parsed, at));
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
    if (key !== undefined && !(key in value)) value[key] = readValue(pair.value, depth + 1);
  }
  return value;
}

function keyOf(pair: Pair): string | undefined {
  return isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : undefined;
}

export function findPair(map: unknown, key: PropertyKey): Pair<ParsedNode, ParsedNode | null> | undefined {
  if (!isMap(map)) return undefined;
  return (map as YAMLMap<ParsedNode, ParsedNode | null>).items.find((pair) => keyOf(pair) === key);
}

/** The node at a path, as deep as the text goes. */
function findOffset(yaml: Document.Parsed, path: TablePath, part: 'value' | 'key'): number {
  let node: ParsedNode | null = yaml.contents;
  let offset = node?.range[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const pair: Pair<ParsedNode, ParsedNode | null> | undefined = findPair(node, step);
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
