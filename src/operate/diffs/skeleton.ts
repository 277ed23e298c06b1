import type { ValueShape } from '../../vocabulary/index.ts';

/** An answer's body without its values: a tree whose leaves are shapes. */
export type Skeleton =
  | Readonly<{ kind: 'leaf'; shape: ValueShape }>
  | Readonly<{ kind: 'list'; items: readonly Skeleton[] }>
  | Readonly<{ kind: 'object'; members: readonly (readonly [string, Skeleton])[] }>;

// Deeper ones are no answer that anybody reads; it also bounds the recursion.
const DEEPEST = 64;

/**
 * The body's part of a sample's skeleton, which is JSON text of {status, headers, cookies, body}; undefined where none was kept. An object
 * whose `type` is a string is a leaf: an object of the answer has only objects and lists below it.
 */
export function readBodySkeleton(text: string): Skeleton | undefined {
  try {
    const { body } = JSON.parse(text) as { body?: unknown };
    return body === undefined ? undefined : readNode(body, 0);
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

/** A key that looked like data was masked, and is any key where a difference says where it is. */
const isMasked = (name: string) => name.startsWith('‹key:');

/** The step to a member as differences write it (RFC 6901 section 3). */
export function stepTo(name: string): string {
  return isMasked(name) ? '*' : name.replaceAll('~', '~0').replaceAll('/', '~1');
}
