import type { DifferenceKind, ValueShape } from '../../vocabulary/index.ts';
import { readBodySkeleton, type Skeleton, shapeOf, stepTo } from './skeleton.ts';
import { describeShape } from './words.ts';

/** One line of two bodies beside one another. */
export type Line = Readonly<{
  depth: number;
  name: string;
  legacy: string;
  new: string;
  /** `here`: the place that is asked about; `other`: another difference of the same two answers. */
  mark: 'here' | 'other' | undefined;
}>;

const NOTHING = '–';
const MOST_LINES = 60;
const MOST_ALIKE = 16;
const MOST_MARKED_ITEMS = 3;

type Pair = Readonly<{ legacy: Skeleton | undefined; new: Skeleton | undefined }>;
type Node = Readonly<{
  name: string;
  pair: Pair;
  mark: Line['mark'];
  kind: DifferenceKind | undefined;
  below: readonly Node[];
  isMarked: boolean;
}>;

export type TwoAnswers = Readonly<{
  skeletons: Readonly<{ legacy: string; new: string }>;
  differences: readonly SeenDifference[];
}>;
/** A difference as it is kept, or as it came over the wire. */
type SeenDifference = Readonly<{ path: string; kind: DifferenceKind; legacy: Shape; new: Shape }>;
type Shape = Parameters<typeof describeShape>[0];

/**
 * Two answers as lines: first what no body shows (status, headers, cookies, rows), then the bodies, as deep as there is something to
 * see. What is alike stays one line; of a long list only items that differ are shown. `path` is the place that is asked about.
 */
export function layOut({ skeletons, differences }: TwoAnswers, path: string): readonly Line[] {
  const body = layOutBodies(skeletons, differences, path);
  const isShown = body.some(({ mark }) => mark === 'here');
  // A place that was cut off the skeleton is shown all the same: it is what the reader came for.
  const outside = differences.filter((difference) =>
    difference.path === path ? !isShown : !/^(\/|body$)/.test(difference.path),
  );
  return [...outside.map((difference) => layOutDifference(difference, path)), ...body];
}

function layOutDifference({ path, kind, legacy, new: fresh }: SeenDifference, asked: string): Line {
  const mark = path === asked ? 'here' : 'other';
  return tellApart(
    { depth: 0, name: path, legacy: describeShape(legacy), new: describeShape(fresh), mark },
    kind,
  );
}

/** Where both sides read alike although they differ, the line says how. */
function tellApart(line: Line, kind: DifferenceKind | undefined): Line {
  if (line.mark === undefined || line.legacy !== line.new) return line;
  return { ...line, new: `${line.new}, ${kind === 'order' ? 'in another order' : 'another value'}` };
}

function layOutBodies(
  { legacy, new: fresh }: TwoAnswers['skeletons'],
  differences: readonly SeenDifference[],
  path: string,
): readonly Line[] {
  const pair = { legacy: readBodySkeleton(legacy), new: readBodySkeleton(fresh) };
  if (pair.legacy === undefined && pair.new === undefined) return [];
  const kinds = new Map(differences.map((difference) => [difference.path, difference.kind]));
  const lines = printNode(weigh('body', pair, '', { path, kinds }), 0);
  return lines.length <= MOST_LINES
    ? lines
    : [...lines.slice(0, MOST_LINES), sayMore(0, `${lines.length - MOST_LINES} more lines`)];
}

type Places = Readonly<{ path: string; kinds: ReadonlyMap<string, DifferenceKind> }>;

function weigh(name: string, pair: Pair, pointer: string, places: Places): Node {
  const place = pointer === '' ? 'body' : pointer;
  const differs = !isSame(pair.legacy, pair.new) || isUntold(pair);
  const mark = markOf(place, differs, places);
  const below = listBelow(pair).map(({ name: child, step, pair: both }) =>
    weigh(child, both, `${pointer}/${step}`, places),
  );
  const isMarked = mark !== undefined || below.some((node) => node.isMarked);
  return { name, pair, mark, kind: places.kinds.get(place), below, isMarked };
}

function markOf(place: string, differs: boolean, { path, kinds }: Places): Line['mark'] {
  if (!differs) return undefined;
  if (place === path) return 'here';
  return kinds.has(place) ? 'other' : undefined;
}

/** Values that could be guessed from a hash have none: that there is a difference is all that is known. */
function isUntold({ legacy, new: fresh }: Pair): boolean {
  if (legacy?.kind !== 'leaf' || fresh?.kind !== 'leaf') return false;
  const { type, hash, clear } = legacy.shape;
  return hash === undefined && clear === undefined && type !== 'null' && type !== 'absent';
}

/** Of lists and objects the shape is not enough: an order shows only below. */
function isSame(one: Skeleton | undefined, other: Skeleton | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.kind !== other.kind) return false;
  if (one.kind === 'leaf' && other.kind === 'leaf') return isSameShape(one.shape, other.shape);
  const pairs = listBelow({ legacy: one, new: other });
  return pairs.every(({ pair }) => isSame(pair.legacy, pair.new));
}

function isSameShape(one: ValueShape, other: ValueShape): boolean {
  return (
    one.type === other.type &&
    one.hash === other.hash &&
    one.clear === other.clear &&
    one.length === other.length
  );
}

type Below = Readonly<{ name: string; step: string; pair: Pair }>;

/** What stands below either side: members by name, items by their place. */
function listBelow({ legacy, new: fresh }: Pair): readonly Below[] {
  const lists = [legacy, fresh].filter((node) => node?.kind === 'list');
  if (lists.length > 0) {
    const length = Math.max(...lists.map(({ items }) => items.length));
    return Array.from({ length }, (_, at) => ({
      name: `${at}`,
      step: '*',
      pair: { legacy: itemOf(legacy, at), new: itemOf(fresh, at) },
    }));
  }
  const [before, after] = [membersOf(legacy), membersOf(fresh)];
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].map((name) => ({
    name,
    step: stepTo(name),
    pair: { legacy: before.get(name), new: after.get(name) },
  }));
}

const itemOf = (node: Skeleton | undefined, at: number) =>
  node?.kind === 'list' ? node.items[at] : undefined;
const membersOf = (node: Skeleton | undefined) => new Map(node?.kind === 'object' ? node.members : []);

function printNode(node: Node, depth: number): Line[] {
  const { name, pair, mark, kind, below, isMarked } = node;
  const line = tellApart({ depth, name, legacy: say(pair.legacy), new: say(pair.new), mark }, kind);
  // Where a whole subtree is on one side only, its shape says enough.
  const isOneSided = pair.legacy === undefined || pair.new === undefined;
  if (!isMarked || isOneSided) return [line];
  return [line, ...printBelow(below, depth + 1)];
}

function printBelow(below: readonly Node[], depth: number): Line[] {
  const marked = below.filter(({ isMarked }) => isMarked);
  const isList = below.every(({ name }, at) => name === String(at));
  const wanted = new Set(isList ? marked.slice(0, MOST_MARKED_ITEMS) : marked);
  const alike = below.filter(({ isMarked }) => !isMarked).slice(0, isList ? 0 : MOST_ALIKE);
  for (const node of alike) wanted.add(node);
  const shown = below.filter((node) => wanted.has(node));
  const hidden = below.length - shown.length;
  const lines = shown.flatMap((node) => printNode(node, depth));
  const hiddenMarked = marked.length - marked.filter((node) => wanted.has(node)).length;
  const differing = hiddenMarked > 0 ? `, ${hiddenMarked} of them different` : '';
  return hidden > 0 ? [...lines, sayMore(depth, `${hidden} more${differing}`)] : lines;
}

function sayMore(depth: number, words: string): Line {
  return { depth, name: `… ${words}`, legacy: '', new: '', mark: undefined };
}

function say(node: Skeleton | undefined): string {
  return node === undefined ? NOTHING : describeShape(shapeOf(node));
}
