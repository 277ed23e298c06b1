import type pg from 'pg';
import type { RouteId } from '../vocabulary/index.ts';
import { askLedger } from './ledger-ask.ts';
import { STANDING } from './ledger-standing.ts';

/** Different sets of two or more groups that a route may have on one day. */
const MOST_SETS = 500;

/** Comparisons of one day (`2026-11-22`, UTC) that showed the same groups. `marks`: group ids, noisy ones with a leading ~, sorted. */
export type SetOfDay = Readonly<{ route: RouteId; day: string; marks: readonly string[]; count: number }>;
export const keyOfSet = ({ route, day, marks }: Omit<SetOfDay, 'count'>): string =>
  `${route}|${day}|${marks.join(',')}`;

/** The marks under which each set is counted, by its key: its own, or a single one of them. */
export type SetBound = (sets: readonly SetOfDay[]) => Promise<ReadonlyMap<string, readonly string[]>>;

type Place = { readonly sets: Set<string>; readonly counts: Map<string, number> };

/**
 * Five groups that come and go alone make 31 sets, twenty make a million. Beyond the bound a set is counted under one of its groups: one
 * that counts and was no noise, so that nothing is hidden by it, and of these the one that this process saw most often that day.
 */
export function boundSets(pool: pg.Pool): SetBound {
  const places = new Map<string, Place>();
  return async (sets) => {
    forgetOtherDays(places, sets);
    await readSets(pool, places, sets.filter(isUnknownTo(places)));
    for (const set of sets) countMarks(places, set);
    const cut = sets.filter((set) => !admit(places, set));
    const counting = await readCounting(pool, cut);
    const chosen = new Map(cut.map((set) => [keyOfSet(set), chooseMark(places, set, counting)]));
    return new Map(sets.map((set) => [keyOfSet(set), chosen.get(keyOfSet(set)) ?? set.marks]));
  };
}

const placeOf = ({ route, day }: Pick<SetOfDay, 'route' | 'day'>): string => `${route}|${day}`;

function forgetOtherDays(places: Map<string, Place>, sets: readonly SetOfDay[]): void {
  const days = new Set(sets.map(({ day }) => day));
  if (days.size > 0) for (const place of places.keys()) if (!days.has(place.slice(-10))) places.delete(place);
}

function isUnknownTo(places: ReadonlyMap<string, Place>) {
  return (set: SetOfDay): boolean => {
    const place = places.get(placeOf(set));
    if (!place) return true;
    return set.marks.length > 1 && place.sets.size < MOST_SETS && !place.sets.has(keyOfSet(set));
  };
}

async function readSets(pool: pg.Pool, places: Map<string, Place>, unknown: readonly SetOfDay[]) {
  if (unknown.length === 0) return;
  const rows = await askLedger<{ route: RouteId; day: string; groups: string[] }>(
    pool,
    `SELECT DISTINCT route, day::text, groups FROM banyan.shadow_tally
     WHERE day = ANY ($1::date[]) AND route = ANY ($2) AND verdict = 'different' AND cardinality(groups) > 1`,
    [[...new Set(unknown.map(({ day }) => day))], [...new Set(unknown.map(({ route }) => route))]],
  );
  for (const set of unknown) {
    const counts = places.get(placeOf(set))?.counts ?? new Map<string, number>();
    places.set(placeOf(set), { sets: new Set(), counts });
  }
  for (const { route, day, groups: marks } of rows)
    places.get(placeOf({ route, day }))?.sets.add(keyOfSet({ route, day, marks }));
}

function countMarks(places: ReadonlyMap<string, Place>, set: SetOfDay): void {
  const counts = places.get(placeOf(set))?.counts;
  for (const mark of set.marks) counts?.set(mark, (counts.get(mark) ?? 0) + set.count);
}

function admit(places: ReadonlyMap<string, Place>, set: SetOfDay): boolean {
  const sets = places.get(placeOf(set))?.sets;
  if (!sets || set.marks.length <= 1 || sets.has(keyOfSet(set))) return true;
  if (sets.size >= MOST_SETS) return false;
  sets.add(keyOfSet(set));
  return true;
}

async function readCounting(pool: pg.Pool, cut: readonly SetOfDay[]): Promise<ReadonlySet<string>> {
  const ids = [...new Set(cut.flatMap(({ marks }) => marks.filter((mark) => !mark.startsWith('~'))))];
  if (ids.length === 0) return new Set();
  const rows = await askLedger<{ id: string }>(
    pool,
    `SELECT id FROM (${STANDING} WHERE g.id = ANY ($1)) s WHERE standing <> 'counts'`,
    [ids],
  );
  const settled = new Set(rows.map(({ id }) => id));
  // One that is new to the ledger counts.
  return new Set(ids.filter((id) => !settled.has(id)));
}

function chooseMark(places: ReadonlyMap<string, Place>, set: SetOfDay, counting: ReadonlySet<string>) {
  const counts = places.get(placeOf(set))?.counts;
  const rank = (mark: string) => (counting.has(mark) ? 2 : mark.startsWith('~') ? 0 : 1);
  const often = (mark: string) => counts?.get(mark) ?? 0;
  return set.marks.toSorted((a, b) => rank(b) - rank(a) || often(b) - often(a)).slice(0, 1);
}
