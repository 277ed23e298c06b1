/**
 * A B C A B C …: one round asks everybody once, so that what the machine does meanwhile happens to all of them alike. Answers, for
 * each of them, what was seen in each round.
 */
export async function interleave<T, Seen>(
  all: readonly T[],
  rounds: number,
  measure: (one: T, round: number) => Promise<Seen>,
): Promise<ReadonlyMap<T, readonly Seen[]>> {
  const seen = new Map<T, Seen[]>(all.map((one) => [one, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const one of all) seen.get(one)?.push(await measure(one, round));
  return seen;
}
