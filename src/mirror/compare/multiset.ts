import type { ItemMatch, Told } from './alignment.ts';

export type Left = Readonly<{ legacy: readonly Told[]; fresh: readonly Told[] }>;

/** What is left of both once items of equal text have taken each other away. */
export function cancelEqual(legacy: readonly Told[], fresh: readonly Told[]): Left {
  const counts = new Map<string, number>();
  for (const { text } of fresh) counts.set(text, (counts.get(text) ?? 0) + 1);
  const take = (text: string) => {
    const count = counts.get(text) ?? 0;
    if (count > 0) counts.set(text, count - 1);
    return count > 0;
  };
  const ours = legacy.filter(({ text }) => !take(text));
  return { legacy: ours, fresh: fresh.filter(({ text }) => take(text)) };
}

const LARGEST_GRID = 10_000;

/** The same for items that are the same by the rules, first come, first served. Large lists are left as they are. */
export function cancelSame({ legacy, fresh }: Left, match: ItemMatch): Left {
  if (match.byText || legacy.length * fresh.length > LARGEST_GRID) return { legacy, fresh };
  const theirs = [...fresh];
  const ours = legacy.filter(({ node }) => {
    const place = theirs.findIndex((other) => match.budget.steps > 0 && match.isSame(node, other.node));
    if (place >= 0) theirs.splice(place, 1);
    return place < 0;
  });
  return { legacy: ours, fresh: theirs };
}
