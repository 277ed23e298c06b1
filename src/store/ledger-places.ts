import type { GroupId } from '../vocabulary/index.ts';
import { dayOf, type Sighting } from './ledger-batch.ts';
import { writeSample } from './ledger-sample.ts';

// As banyan.add_shadow gives them out.
const PLACES = 10;
const PLACES_FOR_NOISE = 3;
// Of samples sent in one batch. A batch that has more of them is a storm, and the next one brings others.
const MOST_BYTES = 16 * 1024 * 1024;

/** Which samples are worth sending: those of a group that has not had its ten from this process today. */
export type SamplePlaces = Readonly<{
  choose(sightings: readonly Sighting[]): ChosenSamples;
}>;

/** `sent` is called once they are in the ledger. */
export type ChosenSamples = Readonly<{ rows: readonly object[]; sent(): void }>;

export function openPlaces(): SamplePlaces {
  let taken = new Map<string, number>();
  return {
    choose: (sightings) => {
      const days = new Set(sightings.map(({ atMs }) => dayOf(atMs)));
      const now = new Map([...taken].filter(([key]) => days.has(key.slice(0, 10))));
      const wishes = sightings.flatMap((sighting) => askPlaces(sighting, now));
      const rows = pack(wishes);
      return {
        rows,
        sent: () => {
          if (days.size > 0) taken = now;
        },
      };
    },
  };
}

type Wish = Readonly<{ sighting: Sighting; wanted: readonly GroupId[]; most: number; isFirst: 0 | 1 }>;

/** A comparison that showed anything but noise takes no place of what was noise in it. */
function askPlaces(sighting: Sighting, taken: Map<string, number>): readonly Wish[] {
  const clear = sighting.groups.filter((id) => !sighting.noisy.has(id));
  const most = clear.length > 0 ? PLACES : PLACES_FOR_NOISE;
  const places = (clear.length > 0 ? clear : sighting.groups).map((id) => {
    const key = `${dayOf(sighting.atMs)}|${id}`;
    return { id, key, used: taken.get(key) ?? 0 };
  });
  const free = places.filter(({ used }) => used < most);
  for (const { key, used } of free) taken.set(key, used + 1);
  const isFirst = free.some(({ used }) => used === 0) ? 1 : 0;
  return free.length > 0 ? [{ sighting, wanted: free.map(({ id }) => id), most, isFirst }] : [];
}

/** The first of a group before the tenth of another, as far as there is room. */
function pack(wishes: readonly Wish[]): readonly object[] {
  let bytes = 0;
  const rows = new Map<string, object>();
  for (const { sighting, wanted, most } of wishes.toSorted((a, b) => b.isFirst - a.isFirst)) {
    const { bytes: more, ...row } = writeSample(sighting.entry);
    if (rows.has(row.id) || bytes + more > MOST_BYTES) continue;
    bytes += more;
    rows.set(row.id, { ...row, nr: rows.size, at_ms: sighting.atMs, groups: sighting.groups, wanted, most });
  }
  return [...rows.values()];
}
