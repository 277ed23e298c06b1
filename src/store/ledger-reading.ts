import type pg from 'pg';
import type {
  DifferenceKind,
  DiffGroup,
  GroupId,
  KeptSample,
  LedgerQuery,
  NotComparedReason,
  RouteId,
  RouteTally,
  Triage,
} from '../vocabulary/index.ts';
import { askLedger } from './ledger-ask.ts';
import { cutText } from './ledger-group.ts';
import { type KeptRow, readSample } from './ledger-sample.ts';
import { IN_TIME, STANDING } from './ledger-standing.ts';

const MS = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;

// Sets are judged once each and not once a minute. A group that is gone counts: nothing is hidden by forgetting it.
const TALLY = `
  WITH seen AS (
    SELECT t.route, t.verdict, t.reason, t.groups, sum(t.count) AS count, min(t.first_at) AS first_at, max(t.last_at) AS last_at
    FROM banyan.shadow_tally t WHERE ${IN_TIME} GROUP BY t.route, t.verdict, t.reason, t.groups
  ), standing AS MATERIALIZED (${STANDING} WHERE $2::text IS NULL OR g.route = $2),
  judged AS (
    SELECT seen.*, CASE WHEN verdict <> 'different' THEN verdict ELSE (
      SELECT CASE
        WHEN COALESCE(bool_or(m.mark NOT LIKE '~%' AND COALESCE(s.standing, 'counts') = 'counts'), true) THEN 'different'
        WHEN bool_and(m.mark NOT LIKE '~%' AND s.standing = 'accepted') THEN 'accepted'
        ELSE 'noise'
      END FROM unnest(seen.groups) AS m(mark) LEFT JOIN standing s ON s.id = m.mark) END AS outcome
    FROM seen
  )
  SELECT route, outcome, reason, sum(count)::float8 AS count, ${MS('min(first_at)')} AS first_ms, ${MS('max(last_at)')} AS last_ms
  FROM judged GROUP BY route, outcome, reason ORDER BY route`;

// As far as both JavaScript and PostgreSQL have dates.
const readSince = (ms: number): number => Math.max(0, Math.min(ms, 8.64e15)) || 0;

type TallyRow = {
  route: RouteId;
  outcome: 'same' | 'different' | 'accepted' | 'noise' | 'not_compared';
  reason: NotComparedReason | '';
  count: number;
  first_ms: number;
  last_ms: number;
};

export async function readTally(
  pool: pg.Pool,
  { sinceMs, route }: LedgerQuery,
): Promise<readonly RouteTally[]> {
  const rows = await askLedger<TallyRow>(pool, TALLY, [readSince(sinceMs), route ?? null]);
  return [...Map.groupBy(rows, (row) => row.route)].map(([name, own]) => sumRoute(name, own));
}

function sumRoute(route: RouteId, rows: readonly TallyRow[]): RouteTally {
  const of = (outcome: TallyRow['outcome']) => rows.filter((row) => row.outcome === outcome);
  const total = (outcome: TallyRow['outcome']) => of(outcome).reduce((sum, row) => sum + row.count, 0);
  return Object.freeze({
    route,
    same: total('same'),
    different: total('different'),
    accepted: total('accepted'),
    noise: total('noise'),
    notCompared: Object.freeze(
      Object.fromEntries(of('not_compared').map(({ reason, count }) => [reason, count])),
    ),
    firstMs: Math.min(...rows.map((row) => row.first_ms)),
    lastMs: Math.max(...rows.map((row) => row.last_ms)),
  });
}

// Where a group showed itself otherwise than as noise, only that is counted.
const GROUPS = `
  WITH seen AS (
    SELECT ltrim(m.mark, '~') AS id, COALESCE(sum(t.count) FILTER (WHERE m.mark NOT LIKE '~%'), 0) AS clear, sum(t.count) AS shown
    FROM banyan.shadow_tally t, unnest(t.groups) AS m(mark) WHERE t.verdict = 'different' AND ${IN_TIME} GROUP BY 1
  ), places AS (SELECT group_id, count(*) AS samples FROM banyan.shadow_place WHERE $3::text IS NULL OR group_id = $3 GROUP BY 1)
  SELECT g.id, g.route, g.path, g.kind, g.types, g.standing, g.triage, g.triage_owner, g.triage_reason,
    ${MS('g.first_at')} AS first_ms, ${MS('g.last_at')} AS last_ms, ${MS('g.triage_at')} AS triage_ms, ${MS('g.triage_until')} AS until_ms,
    ${MS('COALESCE(g.noise_at, g.first_at)')} AS noise_ms,
    (CASE WHEN COALESCE(seen.clear, 0) > 0 THEN seen.clear ELSE COALESCE(seen.shown, 0) END)::float8 AS count,
    COALESCE(seen.shown, 0) > 0 AND seen.clear = 0 AS only_noise, COALESCE(places.samples, 0)::float8 AS samples
  FROM (${STANDING}) g LEFT JOIN seen ON seen.id = g.id LEFT JOIN places ON places.group_id = g.id
  WHERE CASE WHEN $3::text IS NULL THEN seen.id IS NOT NULL ELSE g.id = $3 END
  ORDER BY g.standing = 'counts' AND COALESCE(seen.clear, 1) > 0 DESC, count DESC, g.id`;

type GroupRow = {
  id: GroupId;
  route: RouteId;
  path: string;
  kind: DifferenceKind;
  types: string;
  standing: 'counts' | 'accepted' | 'noise';
  triage: Triage['state'] | null;
  triage_owner: string;
  triage_reason: string;
  first_ms: number;
  last_ms: number;
  triage_ms: number;
  until_ms: number;
  noise_ms: number;
  count: number;
  only_noise: boolean;
  samples: number;
};

export async function readGroups(
  pool: pg.Pool,
  { sinceMs, route }: LedgerQuery,
): Promise<readonly DiffGroup[]> {
  return (await askLedger<GroupRow>(pool, GROUPS, [readSince(sinceMs), route ?? null, null])).map(readGroup);
}

/** Counted over all that is kept. */
export async function findGroup(pool: pg.Pool, id: GroupId): Promise<DiffGroup | undefined> {
  // With its route only that route's tallies are read.
  const [known] = await askLedger<{ route: RouteId }>(
    pool,
    'SELECT route FROM banyan.shadow_group WHERE id = $1',
    [id],
  );
  if (!known) return undefined;
  const [row] = await askLedger<GroupRow>(pool, GROUPS, [0, known.route, id]);
  return row && readGroup(row);
}

function readGroup(row: GroupRow): DiffGroup {
  return Object.freeze({
    id: row.id,
    route: row.route,
    path: row.path,
    kind: row.kind,
    types: row.types,
    count: row.count,
    firstMs: row.first_ms,
    lastMs: row.last_ms,
    triage: Object.freeze(readTriage(row)),
    counts: row.standing === 'counts' && !row.only_noise,
    samples: row.samples,
  });
}

function readTriage(row: GroupRow): Triage {
  const said = { owner: row.triage_owner, reason: row.triage_reason, atMs: row.triage_ms };
  if (row.triage === 'bug') return { state: 'bug', ...said };
  if (row.triage === 'accepted') return { state: 'accepted', ...said, untilMs: row.until_ms };
  if (row.triage === 'noise') return { state: 'noise', ...said, learned: 'by_hand' };
  const isLearned = row.triage === null && (row.standing === 'noise' || row.only_noise);
  const reason = 'legacy was seen to differ with itself here';
  return isLearned
    ? { state: 'noise', owner: 'legacy', reason, atMs: row.noise_ms, learned: 'legacy' }
    : { state: 'open' };
}

const SAMPLE = `SELECT s.*, ${MS('s.at')} AS at_ms FROM`;
// Places before samples, as everybody locks them.
const BY_GROUP = `${SAMPLE} banyan.shadow_place p JOIN banyan.shadow_sample s ON s.day = p.day AND s.id = p.sample_id WHERE p.group_id = $1`;
const BY_ROUTE = `${SAMPLE} banyan.shadow_sample s WHERE s.route = $1`;
const BY_ID = `${SAMPLE} banyan.shadow_sample s WHERE s.id = $1`;

/** Newest first. */
export async function readSamples(
  pool: pg.Pool,
  of: Readonly<{ group: GroupId }> | Readonly<{ route: RouteId }>,
  limit: number,
): Promise<readonly KeptSample[]> {
  const [sql, name] = 'group' in of ? [BY_GROUP, of.group] : [BY_ROUTE, of.route];
  const rows = await askLedger<KeptRow>(pool, `${sql} ORDER BY s.at DESC, s.id LIMIT $2`, [name, limit]);
  return rows.map(readSample);
}

export async function findSample(pool: pg.Pool, id: string): Promise<KeptSample | undefined> {
  const [row] = await askLedger<KeptRow>(pool, BY_ID, [cutText(id, 100)]);
  return row && readSample(row);
}
