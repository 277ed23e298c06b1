import type pg from 'pg';
import type { GroupId, LedgerEntry } from '../vocabulary/index.ts';
import { askLedger } from './ledger-ask.ts';
import { dayOf, listGroups, readTime, type Sighting, seeDifferences, sumUp } from './ledger-batch.ts';
import type { Group } from './ledger-group.ts';
import { boundGroups } from './ledger-group-bound.ts';
import { openPlaces } from './ledger-places.ts';
import { boundSets, keyOfSet, type SetBound } from './ledger-set-bound.ts';

/** Takes a batch in one statement: all of it is added, or nothing. What bounds the ledger is asked before, and only about the unknown. */
export function openAdding(pool: pg.Pool): (entries: readonly LedgerEntry[]) => Promise<void> {
  const [admitGroups, admitSets, places] = [boundGroups(pool), boundSets(pool), openPlaces()];
  return async (entries) => {
    if (entries.length === 0) return;
    const nowMs = Date.now();
    const admitted = await admitGroups(listGroups(entries));
    const sightings = entries.flatMap((entry) =>
      entry.verdict === 'different' ? [seeDifferences(entry, nowMs, admitted)] : [],
    );
    const samples = places.choose(sightings);
    const tallies = sumUp([...listPlain(entries, nowMs), ...(await listDifferent(sightings, admitSets))]);
    await askLedger(pool, 'SELECT banyan.add_shadow($1, $2, $3)', [
      JSON.stringify(listSeen(sightings, admitted)),
      JSON.stringify(tallies),
      JSON.stringify(samples.rows),
    ]);
    samples.sent();
  };
}

function listPlain(entries: readonly LedgerEntry[], nowMs: number) {
  return entries.flatMap((entry) => {
    if (entry.verdict === 'different') return [];
    const { route, verdict } = entry;
    const reason = entry.verdict === 'not_compared' ? entry.reason : '';
    return [{ route, verdict, reason, groups: [], atMs: readTime(entry.atMs, nowMs) }];
  });
}

async function listDifferent(sightings: readonly Sighting[], admitSets: SetBound) {
  const sets = sightings.map(({ entry, atMs, marks }) => ({
    route: entry.route,
    day: dayOf(atMs),
    marks,
    count: 1,
  }));
  const admitted = await admitSets(sets);
  return sightings.map(({ entry, atMs, marks }) => {
    const { route, verdict } = entry;
    const groups = admitted.get(keyOfSet({ route, day: dayOf(atMs), marks })) ?? marks;
    return { route, verdict, reason: '', groups, atMs };
  });
}

function listSeen(sightings: readonly Sighting[], admitted: ReadonlyMap<GroupId, Group>) {
  const groups = new Map([...admitted.values()].map((group) => [group.id, group]));
  const seen = new Map<GroupId, Group & { first_ms: number; last_ms: number }>();
  for (const { atMs, groups: ids } of sightings) {
    for (const id of ids) {
      const group = groups.get(id);
      const before = seen.get(id) ?? { first_ms: atMs, last_ms: atMs };
      const span = { first_ms: Math.min(before.first_ms, atMs), last_ms: Math.max(before.last_ms, atMs) };
      if (group) seen.set(id, { ...group, ...span });
    }
  }
  return [...seen.values()];
}
