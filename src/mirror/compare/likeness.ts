import { measureLikeness, tellFields } from './alignment.ts';
import type { JsonNode } from './json-node.ts';
import type { Budget } from './walk.ts';

type Counted = Readonly<{ isCounted(key: string): boolean; budget: Budget }>;
export type Likely = Readonly<{
  pairs: readonly (readonly [legacy: number, fresh: number])[];
  missing: readonly number[];
  extra: readonly number[];
}>;

const LARGEST_GRID = 10_000;

/** Pairs the items that are most alike, by their places; `least` is how alike they must be. Large lists go place by place. */
export function pairByLikeness(
  legacy: readonly JsonNode[],
  fresh: readonly JsonNode[],
  least: number,
  counted: Counted,
): Likely {
  const isLarge = legacy.length * fresh.length > LARGEST_GRID || counted.budget.steps <= 0;
  const ranked = isLarge ? undefined : rankPairs(legacy, fresh, least, counted);
  const candidates = ranked ?? pairPlaces(legacy, fresh);
  const [ours, theirs] = [new Set(legacy.keys()), new Set(fresh.keys())];
  const pairs = candidates.filter(
    ([i, j]) => ours.has(i) && theirs.has(j) && ours.delete(i) && theirs.delete(j),
  );
  return { pairs: pairs.sort(([a], [b]) => a - b), missing: [...ours], extra: [...theirs] };
}

function pairPlaces(legacy: readonly JsonNode[], fresh: readonly JsonNode[]): [number, number][] {
  return Array.from({ length: Math.min(legacy.length, fresh.length) }, (_, i) => [i, i]);
}

function rankPairs(
  legacy: readonly JsonNode[],
  fresh: readonly JsonNode[],
  least: number,
  counted: Counted,
): (readonly [number, number])[] | undefined {
  const ours = legacy.map((node) => tellFields(node, counted));
  const theirs = fresh.map((node) => tellFields(node, counted));
  const ranked: (readonly [likeness: number, legacy: number, fresh: number])[] = [];
  for (const [i, one] of ours.entries()) {
    if (counted.budget.steps <= 0) return undefined;
    for (const [j, other] of theirs.entries()) {
      counted.budget.steps -= 1 + Math.min(one?.size ?? 0, other?.size ?? 0);
      const likeness = measureLikeness(one, other);
      if (likeness >= least) ranked.push([likeness, i, j]);
    }
  }
  ranked.sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
  return ranked.map(([, i, j]) => [i, j]);
}
