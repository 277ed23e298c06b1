import { createHmac, hkdfSync } from 'node:crypto';
import type { ValueShape } from '../../vocabulary/index.ts';
import { type JsonNode, measureNode, printNode } from '../compare/index.ts';
import { isGuessable } from './entropy.ts';

/** Makes shapes of values with one key. */
export type Shaper = Readonly<{
  shape(node: JsonNode, at: HashPlace): ValueShape;
  /** What a key that looks like data is called in a skeleton. */
  hashKey(key: string, at: HashPlace): string;
}>;

/**
 * Where a hash is taken. Equal values have equal hashes in one scope at one path, and nowhere else: so that nobody who knows what stands in
 * one field, route or tenant can look for it in another.
 */
export type HashPlace = Readonly<{ scope: string; path: string }>;

const KEY_BYTES = 32;
const DIGITS = 16;

export function openShaper(key: Uint8Array): Shaper {
  const own = deriveKey(key, 'banyan mask v1');
  const hash = (kind: string, text: string, { scope, path }: HashPlace) =>
    createHmac('sha256', own)
      .update(JSON.stringify([scope, path, kind]))
      .update('\n')
      .update(text)
      .digest('hex')
      .slice(0, DIGITS);
  return {
    shape: (node, at) => shapeNode(node, (text) => hash(node.type, text, at)),
    hashKey: (text, at) => hash('key', text, at),
  };
}

/** A key of its own for each purpose, so that one secret serves both mask and seal. Throws where the secret is not of 32 bytes. */
export function deriveKey(key: Uint8Array, purpose: string): Uint8Array {
  if (key.length !== KEY_BYTES)
    throw new Error(`A key of ${KEY_BYTES} bytes is needed, not of ${key.length}.`);
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(), purpose, KEY_BYTES));
}

function shapeNode(node: JsonNode, hash: (text: string) => string): ValueShape {
  if (isGuessable(node)) return { type: node.type };
  const length = measureNode(node);
  return { type: node.type, ...(length !== undefined && { length }), hash: hash(printNode(node)) };
}
