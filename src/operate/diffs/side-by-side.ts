import type { Difference, ValueShape } from '../../vocabulary/index.ts';
import { escapePointer, readSkeleton, type Skeleton, shapeOf } from './skeleton.ts';
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
  below: readonly Node[];
  isMarked: boolean;
}>;

/**
 * Two skeletons as lines, as deep as there is something to see: what is alike stays one line, of a long list only the items that
 * differ are shown. Empty where neither body is a skeleton.
 */
export function layOut(
  skeletons: Readonly<{ legacy: string; new: string }>,
  differences: readonly Pick<Difference, 'path'>[],
  path: string,
): readonly Line[] {
  const pair = { legacy: readSkeleton(skeletons.legacy), new: readSkeleton(skeletons.new) };
  if (pair.legacy === undefined && pair.new === undefined) return [];
  const paths = new Set(differences.map((difference) => difference.path));
  const root = weigh('body', pair, '', { path, paths });
  const lines = printNode(root, 0);
  return lines.length <= MOST_LINES
    ? lines
    : [...lines.slice(0, MOST_LINES), sayMore(0, `${lines.length - MOST_LINES} more lines`)];
}

type Places = Readonly<{ path: string; paths: ReadonlySet<string> }>;

function weigh(name: string, pair: Pair, pointer: string, places: Places): Node {
  const place = pointer === '' ? 'body' : pointer;
  const differs = !isSame(pair.legacy, pair.new);
  const mark = markOf(place, differs, places);
  const below = listBelow(pair).map(({ name: child, step, pair: both }) =>
    weigh(child, both, `${pointer}/${step}`, places),
  );
  return { name, pair, mark, below, isMarked: mark !== undefined || below.some(({ isMarked }) => isMarked) };
}

function markOf(place: string, differs: boolean, { path, paths }: Places): Line['mark'] {
  if (!differs) return undefined;
  if (place === path) return 'here';
  return paths.has(place) ? 'other' : undefined;
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
    step: escapePointer(name),
    pair: { legacy: before.get(name), new: after.get(name) },
  }));
}

const itemOf = (node: Skeleton | undefined, at: number) =>
  node?.kind === 'list' ? node.items[at] : undefined;
const membersOf = (node: Skeleton | undefined) => new Map(node?.kind === 'object' ? node.members : []);

function printNode(node: Node, depth: number): Line[] {
  const { name, pair, mark, below, isMarked } = node;
  const line: Line = { depth, name, legacy: say(pair.legacy), new: say(pair.new), mark };
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
