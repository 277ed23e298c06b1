import type { ValueShape } from '../../vocabulary/index.ts';

/** An answer's body without its values: a tree whose leaves are shapes. */
export type Skeleton =
  | Readonly<{ kind: 'leaf'; shape: ValueShape }>
  | Readonly<{ kind: 'list'; items: readonly Skeleton[] }>
  | Readonly<{ kind: 'object'; members: readonly (readonly [string, Skeleton])[] }>;

// Deeper ones are no answer that anybody reads; it also bounds the recursion.
const DEEPEST = 64;

/**
 * Reads the JSON text of a sample's skeleton; undefined where there is none. An object whose `type` is a string is a leaf: an object
 * of the answer has only objects and lists below it.
 */
export function readSkeleton(text: string): Skeleton | undefined {
  try {
    return readNode(JSON.parse(text), 0);
  } catch {
    return undefined;
  }
}

function readNode(node: unknown, depth: number): Skeleton {
  if (typeof node !== 'object' || node === null) throw new Error('no part of a skeleton');
  if (depth >= DEEPEST) return { kind: 'leaf', shape: { type: Array.isArray(node) ? 'list' : 'object' } };
  if (Array.isArray(node)) return { kind: 'list', items: node.map((item) => readNode(item, depth + 1)) };
  if (isShape(node)) return { kind: 'leaf', shape: node };
  return {
    kind: 'object',
    members: Object.entries(node).map(([name, below]) => [name, readNode(below, depth + 1)] as const),
  };
}

function isShape(node: object): node is ValueShape {
  return Object.hasOwn(node, 'type') && typeof (node as { type: unknown }).type === 'string';
}

/** The skeleton's own shape, as a leaf would have it. */
export function shapeOf(skeleton: Skeleton): ValueShape {
  if (skeleton.kind === 'leaf') return skeleton.shape;
  if (skeleton.kind === 'list') return { type: 'list', length: skeleton.items.length };
  return { type: 'object', length: skeleton.members.length };
}

/** RFC 6901 section 3. */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
