import type { GroupId, LedgerEntry, RouteId } from '../vocabulary/index.ts';
import { type Group, groupOf } from './ledger-group.ts';
import type { DifferentEntry } from './ledger-sample.ts';

// Room for an index entry: more groups than that are no list that anybody reads.
const MOST_MARKS = 64;
const MINUTE_MS = 60_000;

/** What a comparison that differed showed. */
export type Sighting = Readonly<{
  entry: DifferentEntry;
  atMs: number;
  /** Its groups as they are counted, each once; the noisy ones last. */
  groups: readonly GroupId[];
  noisy: ReadonlySet<GroupId>;
  /** The same as they stand in the tally: noisy ones with a leading ~, sorted. */
  marks: readonly string[];
}>;

/** One line of the tally before it is added. */
export type TallyRow = Readonly<{
  route: RouteId;
  verdict: string;
  reason: string;
  groups: readonly string[];
}> & {
  count: number;
  first_ms: number;
  last_ms: number;
};

/** When it was, as far as it can be: never in this process's future, never before time began. */
export function readTime(atMs: number, nowMs: number): number {
  return Number.isFinite(atMs) ? Math.max(0, Math.min(atMs, nowMs)) : nowMs;
}

export const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** The groups of all differences, before any bound. */
export function listGroups(entries: readonly LedgerEntry[]): readonly Group[] {
  const groups = new Map<GroupId, Group>();
  for (const entry of entries) {
    if (entry.verdict !== 'different') continue;
    for (const difference of entry.differences) {
      const group = groupOf(entry.route, difference);
      groups.set(group.id, group);
    }
  }
  return [...groups.values()];
}

/** `admitted`: the group under which each is counted. */
export function seeDifferences(
  entry: DifferentEntry,
  nowMs: number,
  admitted: ReadonlyMap<GroupId, Group>,
): Sighting {
  const [clear, noisy] = [new Set<GroupId>(), new Set<GroupId>()];
  const noisyPaths = new Set(entry.noisy);
  for (const difference of entry.differences) {
    const own = groupOf(entry.route, difference);
    const { id } = admitted.get(own.id) ?? own;
    (noisyPaths.has(difference.path) ? noisy : clear).add(id);
  }
  // Gathered groups may hold both; then it was not all noise.
  const groups = [...clear, ...[...noisy].filter((id) => !clear.has(id))].slice(0, MOST_MARKS);
  const marks = groups.map((id) => (clear.has(id) ? id : `~${id}`)).toSorted();
  return {
    entry,
    atMs: readTime(entry.atMs, nowMs),
    groups,
    noisy: new Set(groups.filter((id) => !clear.has(id))),
    marks,
  };
}

/** Adds up what has the same route, verdict, reason and groups in the same minute. */
export function sumUp(lines: Iterable<Omit<TallyRow, 'count' | 'first_ms' | 'last_ms'> & { atMs: number }>) {
  const rows = new Map<string, TallyRow>();
  for (const { atMs, ...line } of lines) {
    const minute = Math.floor(atMs / MINUTE_MS);
    const key = [line.route, line.verdict, line.reason, line.groups.join(','), minute].join('|');
    const row = rows.get(key);
    if (!row) {
      rows.set(key, { ...line, count: 1, first_ms: atMs, last_ms: atMs });
      continue;
    }
    row.count += 1;
    row.first_ms = Math.min(row.first_ms, atMs);
    row.last_ms = Math.max(row.last_ms, atMs);
  }
  return [...rows.values()];
}
