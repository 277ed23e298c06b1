import { type TestHouse, until } from './house.ts';

export type SeenGroup = Readonly<{
  id: string;
  path: string;
  kind: string;
  types: string;
  count: number;
  counts: boolean;
}>;
export type SeenRoute = Readonly<{
  route: string;
  verdict: Readonly<{
    kind: string;
    sentence: string;
    compared: number;
    same: number;
    different: number;
    accepted: number;
    noise: number;
    not_compared: number;
    reasons: Readonly<Record<string, number>>;
  }>;
  groups: readonly SeenGroup[];
}>;

/** What `GET /api/diffs` says of every route that has been judged at all. */
export async function readVerdicts(house: Pick<TestHouse, 'admin'>): Promise<readonly SeenRoute[]> {
  const answer = await house.admin('GET', '/api/diffs?since=1h');
  const { routes } = (await answer.json()) as { routes: readonly SeenRoute[] };
  return routes.filter((route) => countJudged(route) > 0);
}

/** Waits until so many exchanges have been judged. */
export async function untilJudged(
  house: Pick<TestHouse, 'admin'>,
  exchanges: number,
  patienceMs = 20_000,
): Promise<readonly SeenRoute[]> {
  let seen: readonly SeenRoute[] = [];
  await until(
    async () => {
      seen = await readVerdicts(house);
      return seen.reduce((sum, route) => sum + countJudged(route), 0) >= exchanges;
    },
    `${exchanges} verdicts`,
    patienceMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; seen: ${JSON.stringify(seen)}`);
  });
  return seen;
}

function countJudged({ verdict }: SeenRoute): number {
  const { same, different, accepted, noise, not_compared: notCompared } = verdict;
  return same + different + accepted + noise + notCompared;
}
