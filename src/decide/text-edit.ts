import {
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { findPair } from './table-document.ts';

// Edits of a YAML text at the places of its nodes. Everything that is not named stays as it is, to the last blank: comments, order,
// quotes, line ends. (Printing a changed document anew would reflow long lines and comments.)

/** Replaces the characters from `start` up to `end`. */
export type TextEdit = Readonly<{ start: number; end: number; text: string }>;

type Node = ParsedNode | null | undefined;

export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const fromTheEnd = [...edits].sort((one, other) => other.start - one.start || other.end - one.end);
  return fromTheEnd.reduce(
    (edited, { start, end, text: inserted }) => edited.slice(0, start) + inserted + edited.slice(end),
    text,
  );
}

/** Sets `key: value` in a mapping; a key that is not there comes after `neighbour`, or first. */
export function editScalar(
  text: string,
  map: Node,
  key: string,
  value: string,
  neighbour?: string,
): readonly TextEdit[] {
  const current = findPair(map, key)?.value;
  if (isScalar(current)) return [replaceNode(current, quoteLike(current, value))];
  return addPair(text, map, `${key}: ${value}`, neighbour);
}

/** Takes `key: value` out of a mapping, with what is said about it on its line. */
export function removePair(text: string, map: Node, key: string): readonly TextEdit[] {
  const pair = findPair(map, key);
  if (!isMap(map) || !pair) return [];
  const pairs = map.items as readonly Pair<ParsedNode, ParsedNode | null>[];
  const at = pairs.indexOf(pair);
  const [start, end] = [rangeOf(pair.key)[0], rangeOf(pair.value ?? pair.key)[1]];
  if (pairs.length === 1) return [map.flow ? replaceNode(map, '{}') : { start, end, text: '{}' }];
  const [before, after] = [pairs[at - 1], pairs[at + 1]];
  if (map.flow && before) return [{ start: rangeOf(before.value ?? before.key)[1], end, text: '' }];
  if (map.flow) return [{ start, end: rangeOf(after?.key)[0], text: '' }];
  // What stands before the first key of an item of a list is its dash, which is the next key's then.
  const isFirst = !before && text.slice(lineStart(text, start), start).trim() !== '';
  if (isFirst) return [{ start, end: rangeOf(after?.key)[0], text: '' }];
  return [cutLine(text, start, end)];
}

/** The lines from one place to another; the last line of a text without a line break at its end takes the one before it along. */
function cutLine(text: string, from: number, to: number): TextEdit {
  const [start, end] = [lineStart(text, from), nextLine(text, to)];
  const isWhole = text[end - 1] === '\n' || start === 0;
  return { start: isWhole ? start : lineEnd(text, start - 1), end, text: '' };
}

/** Makes a list hold exactly these names: those that stay keep their places, new ones come last. */
export function editList(
  text: string,
  map: Node,
  key: string,
  names: readonly string[],
): readonly TextEdit[] {
  const list = findPair(map, key)?.value;
  if (!isSeq(list)) return names.length === 0 ? [] : addPair(text, map, `${key}: [${printNames(names)}]`);
  const current = list.items.map((item) => (isScalar(item) ? item.value : undefined));
  const added = names.filter((name) => !current.includes(name));
  const isKept = current.map((name) => typeof name === 'string' && names.includes(name));
  if (added.length === 0 && !isKept.includes(false)) return [];
  if (!isKept.includes(true)) return [emptyList(text, map, key, list, added)];
  const items = list.items as readonly Scalar.Parsed[];
  return list.flow ? editFlowList(items, isKept, added) : editBlockList(text, items, isKept, added);
}

function emptyList(text: string, map: Node, key: string, list: YAMLSeq, names: readonly string[]): TextEdit {
  const [start, end] = rangeOf(list);
  if (list.flow) return { start, end, text: `[${printNames(names)}]` };
  const keyEnd = rangeOf(findPair(map, key)?.key)[1];
  const colon = text.indexOf(':', keyEnd) + 1;
  const last = list.items.at(-1) as Scalar.Parsed | undefined;
  return { start: colon, end: last ? rangeOf(last)[1] : end, text: ` [${printNames(names)}]` };
}

function editFlowList(
  items: readonly Scalar.Parsed[],
  isKept: readonly boolean[],
  added: readonly string[],
): readonly TextEdit[] {
  const lastKept = isKept.lastIndexOf(true);
  const cuts = items.slice(0, lastKept).flatMap((item, index): TextEdit[] => {
    const next = items[index + 1];
    return isKept[index] || !next ? [] : [{ start: rangeOf(item)[0], end: rangeOf(next)[0], text: '' }];
  });
  const tail = {
    start: rangeOf(items[lastKept])[1],
    end: rangeOf(items.at(-1))[1],
    text: added.length === 0 ? '' : `, ${printNames(added)}`,
  };
  return [...cuts, tail];
}

function editBlockList(
  text: string,
  items: readonly Scalar.Parsed[],
  isKept: readonly boolean[],
  added: readonly string[],
): readonly TextEdit[] {
  const cuts = items.flatMap((item, index): TextEdit[] =>
    isKept[index]
      ? []
      : [{ start: lineStart(text, rangeOf(item)[0]), end: nextLine(text, rangeOf(item)[1]), text: '' }],
  );
  if (added.length === 0) return cuts;
  const last = items.at(-1);
  const start = lineEnd(text, rangeOf(last)[1]);
  const dash = text.slice(lineStart(text, rangeOf(last)[0]), rangeOf(last)[0]);
  const lines = added.map((name) => `${lineBreak(text)}${dash}${printName(name)}`).join('');
  return [...cuts, { start, end: start, text: lines }];
}

function addPair(text: string, map: Node, pair: string, neighbour?: string): readonly TextEdit[] {
  if (!isMap(map)) return [];
  const last = map.items.at(-1) as Pair<ParsedNode, ParsedNode | null> | undefined;
  if (!last) return [replaceNode(map, `{ ${pair} }`)];
  if (map.flow) return [insertAt(rangeOf(last.value ?? last.key)[1], `, ${pair}`)];
  return [addBlockPair(text, map, pair, neighbour)];
}

function addBlockPair(text: string, map: YAMLMap, pair: string, neighbour: string | undefined): TextEdit {
  const beside = neighbour === undefined ? undefined : findPair(map, neighbour);
  const first = rangeOf(map.items[0]?.key)[0];
  const indent = ' '.repeat(first - lineStart(text, first));
  if (!isScalar(beside?.value)) return insertAt(first, `${pair}${lineBreak(text)}${indent}`);
  return insertAt(lineEnd(text, rangeOf(beside.value)[1]), `${lineBreak(text)}${indent}${pair}`);
}

function insertAt(offset: number, text: string): TextEdit {
  return { start: offset, end: offset, text };
}

function replaceNode(node: unknown, text: string): TextEdit {
  const [start, end] = rangeOf(node);
  return { start, end, text };
}

function rangeOf(node: unknown): readonly [start: number, end: number] {
  const range = (node as { range?: readonly [number, number, number] } | undefined)?.range;
  if (!range) throw new Error('a node of a parsed text has no place in it');
  return [range[0], range[1]];
}

function quoteLike({ type }: Scalar.Parsed, value: string): string {
  if (type === 'QUOTE_DOUBLE') return `"${value}"`;
  return type === 'QUOTE_SINGLE' ? `'${value}'` : value;
}

function printNames(names: readonly string[]): string {
  return names.map(printName).join(', ');
}

/** A name that YAML would take for a number or a truth value is put in quotes. */
function printName(name: string): string {
  return /^[a-z]/.test(name) && !['null', 'true', 'false'].includes(name) ? name : `"${name}"`;
}

function lineBreak(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Where the line ends, its line break not counted. */
function lineEnd(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  if (end === -1) return text.length;
  return text[end - 1] === '\r' ? end - 1 : end;
}

function nextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end + 1;
}
