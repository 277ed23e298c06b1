import { distance } from 'fastest-levenshtein';

/** The known name that a mistyped one most likely meant, or undefined where none is near. */
export function findNearestName(wrong: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(wrong.length * 0.4));
  let best: { name: string; steps: number } | undefined;
  for (const name of known) {
    const steps = isPart(wrong, name) ? 1 : distance(wrong.toLowerCase(), name.toLowerCase());
    if (steps <= limit && (!best || steps < best.steps)) best = { name, steps };
  }
  return best?.name;
}

/** `complete` most likely meant `ai.complete`. */
function isPart(wrong: string, name: string): boolean {
  return wrong.length > 2 && name.split('.').includes(wrong);
}

/** ` Did you mean "ai.complete"?`, or nothing: made to follow a sentence. */
export function suggestName(wrong: string, known: Iterable<string>): string {
  const nearest = findNearestName(wrong, known);
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
}
