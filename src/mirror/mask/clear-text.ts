import { isClearAt, type JsonNode, printNode, type RulesHere } from '../compare/index.ts';
import { isSecretName, isSecretPlace } from './secret-names.ts';
import { looksSecret } from './secret-values.ts';

const LONGEST = 2_000;

/**
 * The value as JSON text, where the table names its field and nothing in it is a secret by its name or by its looks; statuses always.
 * Undefined otherwise, and for what is too long to read.
 */
export function showClear(node: JsonNode, steps: readonly string[], rules: RulesHere): string | undefined {
  if (steps[0] !== 'status' && (!isClearAt(rules, steps) || isSecretPlace(steps))) return undefined;
  if (node.type === 'bytes' || holdsSecretName(node)) return undefined;
  const text = printNode(node);
  return text.length > LONGEST || looksSecret(text) || holdsSecretText(node) ? undefined : text;
}

function holdsSecretName(node: JsonNode): boolean {
  if (node.type === 'list') return node.items.some(holdsSecretName);
  if (node.type !== 'object') return false;
  const all = [...node.fields, ...node.again];
  return all.some(([key, value]) => isSecretName(key) || holdsSecretName(value));
}

/** In JSON text a secret may hide behind escapes. */
const holdsSecretText = (node: JsonNode) => node.type === 'string' && looksSecret(node.text);
