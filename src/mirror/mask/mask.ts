import type { Difference, MirrorRules, SideAnswer, ValueShape } from '../../vocabulary/index.ts';
import {
  compileRules,
  type FoundDifference,
  type FoundValue,
  type JsonNode,
  parsePath,
  type RulesHere,
  readJson,
  stringNode,
} from '../compare/index.ts';
import { showClear } from './clear-text.ts';
import { isSecretPlace } from './secret-names.ts';
import { openShaper, type Shaper } from './shapes.ts';
import { writeSkeleton } from './skeleton.ts';

/**
 * Makes of values what may be kept. `scope` names where hashes are alike, for example a tenant and a route: the same value has another hash
 * in another scope, and at another path.
 */
export type Mask = Readonly<{
  shape(value: FoundValue, path: string, scope?: string): ValueShape;
  difference(found: FoundDifference, rules: MirrorRules, scope?: string): Difference;
  /** JSON text, at most 32 KiB. */
  skeleton(answer: SideAnswer, rules: MirrorRules, scope?: string): string;
}>;

/** `key`: 32 bytes, secret. Whoever has it can try values against hashes. Throws where it has another length. */
export function openMask(key: Uint8Array): Mask {
  const shaper = openShaper(key);
  return {
    shape: (value, path, scope = '') => shapeValue(shaper, value, path, scope, []),
    difference: ({ path, kind, legacy, new: fresh }, rules, scope = '') => {
      const compiled = compileRules(rules);
      const shape = (value: FoundValue) => shapeValue(shaper, value, path, scope, compiled);
      return { path, kind, legacy: shape(legacy), new: shape(fresh) };
    },
    skeleton: (answer, rules, scope = '') => writeSkeleton(answer, rules, shaper, scope),
  };
}

function shapeValue(
  shaper: Shaper,
  value: FoundValue,
  path: string,
  scope: string,
  rules: RulesHere,
): ValueShape {
  const steps = parsePath(path);
  if (value.type === 'absent' || !steps || isSecretPlace(steps)) return { type: value.type };
  const node = restoreNode(value);
  const clear = showClear(node, steps, rules);
  const shape = shaper.shape(node, { scope, path });
  return clear === undefined ? shape : { ...shape, clear };
}

const BOUNDS = { depth: 600, nodes: 1_000_000 };

function restoreNode(value: Exclude<FoundValue, { type: 'absent' }>): JsonNode {
  if (value.type === 'bytes') return { type: 'bytes', length: value.length, text: value.sha256 };
  const read = readJson(value.text, BOUNDS);
  return read.kind === 'json' ? read.node : stringNode(value.text);
}
