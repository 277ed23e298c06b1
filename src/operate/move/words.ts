const MOST_NAMES = 8;

/** `acme, globex and 3 more`: hundreds of names would bury the sentence that they stand in. */
export function listNames(names: readonly string[]): string {
  const rest = names.length - MOST_NAMES;
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}
