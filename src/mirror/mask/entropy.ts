import type { JsonNode } from '../compare/index.ts';

const SHORTEST_STRING = 4;
const LONGEST_SMALL_NUMBER = 3;

/**
 * Could anybody list all the values that this may be? A hash of true, null, 7 or "" tells which it is to whoever has seen the hash of each
 * once; hence such values show their type and nothing more.
 */
export function isGuessable(node: JsonNode): boolean {
  switch (node.type) {
    case 'string':
      return node.text.length < SHORTEST_STRING;
    case 'number':
      return isSmall(node.text);
    case 'bytes':
      return node.length < SHORTEST_STRING;
    case 'list':
      return node.items.every(isGuessable);
    case 'object':
      return [...node.fields.values(), ...node.again.map(([, value]) => value)].every(isGuessable);
    default:
      return true;
  }
}

/** Integers below 1000, and fractions written with as few digits. */
const isSmall = (text: string) => text.replace(/[^\d]/g, '').length <= LONGEST_SMALL_NUMBER;
