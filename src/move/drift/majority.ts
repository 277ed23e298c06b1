/** What most of them say; of several that are said equally often the first. Undefined where nobody says anything. */
export function findMajority(said: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const one of said) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].toSorted(([, one], [, other]) => other - one)[0]?.[0];
}

/** What more than half of the lists hold. */
export function listUsual(lists: readonly (readonly string[])[]): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const one of lists.flat()) counts.set(one, (counts.get(one) ?? 0) + 1);
  return new Set([...counts].filter(([, count]) => count * 2 > lists.length).map(([one]) => one));
}
