import type {
  Difference,
  DiffGroup,
  KeptSample,
  LedgerAudit,
  Replayed,
  Triage,
  Unlock,
} from '../../vocabulary/index.ts';
import type { RouteVerdict } from '../diffs/confidence.ts';
import type { Overview, RouteDiffs } from '../diffs/desk.ts';
import { describeGroup, describeReplayed } from '../diffs/words.ts';
import type {
  DiffAuditJson,
  DifferenceJson,
  GroupJson,
  OverviewJson,
  ReplayedJson,
  RouteDiffsJson,
  SampleJson,
  TriageJson,
  UnlockJson,
} from './diff-shapes.ts';

const toTime = (ms: number) => new Date(ms).toISOString();
const toTimeOrNull = (ms: number) => (ms > 0 ? toTime(ms) : null);

export function toTriageJson(triage: Triage): TriageJson {
  const nothing = { owner: null, reason: null, at: null, until: null, learned: null };
  if (triage.state === 'open') return { state: 'open', ...nothing };
  const { state, owner, reason, atMs } = triage;
  const told = { ...nothing, state, owner, reason, at: toTime(atMs) };
  if (triage.state === 'accepted') return { ...told, until: toTime(triage.untilMs) };
  return triage.state === 'noise' ? { ...told, learned: triage.learned } : told;
}

export function toGroupJson(group: DiffGroup): GroupJson {
  const { id, route, path, kind, types, count, counts, samples } = group;
  return {
    id,
    route,
    path,
    kind,
    types,
    story: describeGroup(group),
    count,
    first: toTime(group.firstMs),
    last: toTime(group.lastMs),
    counts,
    samples,
    triage: toTriageJson(group.triage),
  };
}

// A handler that answers with ever new fields makes ever new groups; nobody reads more.
const MOST_GROUPS = 100;

export function toOverviewJson({ revision, sinceMs, atMs, wish, routes }: Overview): OverviewJson {
  return {
    revision,
    since: toTime(sinceMs),
    at: toTime(atMs),
    max_percent: wish.maxRate === undefined ? null : toPercent(wish.maxRate),
    min: wish.min ?? null,
    routes: routes.map(toRouteDiffsJson),
  };
}

function toRouteDiffsJson({ route, row, tally, verdict, groups }: RouteDiffs): RouteDiffsJson {
  return {
    route,
    stage: row?.stage ?? null,
    verdict: toVerdictJson(verdict, tally),
    groups: groups.slice(0, MOST_GROUPS).map(toGroupJson),
    more_groups: Math.max(0, groups.length - MOST_GROUPS),
  };
}

function toVerdictJson(verdict: RouteVerdict, tally: RouteDiffs['tally']): RouteDiffsJson['verdict'] {
  const { kind, sentence, compared, different, accepted, noise, notCompared, upperBound } = verdict;
  return {
    kind,
    sentence,
    compared,
    same: tally.same,
    different,
    accepted,
    noise,
    not_compared: notCompared,
    reasons: { ...tally.notCompared },
    upper_bound_percent: toPercent(upperBound),
    first: toTimeOrNull(tally.firstMs),
    last: toTimeOrNull(tally.lastMs),
  };
}

/** Six digits after the point: what is beyond is no knowledge. */
function toPercent(share: number): number {
  return Math.round(share * 1e8) / 1e6;
}

/** What was sealed stays here: it is no member of any answer. */
export function toSampleJson(sample: KeptSample, values: SampleJson['values'] = null): SampleJson {
  const { id, atMs, requestId, tenant, method, path, statuses, skeletons, differences, effects } = sample;
  return {
    id,
    at: toTime(atMs),
    request_id: requestId,
    tenant,
    method,
    path,
    statuses: { ...statuses },
    skeletons: { legacy: parseText(skeletons.legacy), new: parseText(skeletons.new) },
    differences: differences.map(toDifferenceJson),
    effects: [...effects],
    replay: sample.replay,
    values,
  };
}

function toDifferenceJson(difference: Difference): DifferenceJson {
  return { ...difference, legacy: { ...difference.legacy }, new: { ...difference.new } };
}

function parseText(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

export function toUnlockJson({ author, reason, atMs, untilMs }: Unlock): UnlockJson {
  return { author, reason, at: toTime(atMs), until: toTime(untilMs) };
}

export function toReplayedJson(replayed: Replayed): ReplayedJson {
  const { sample, route, verdict } = replayed;
  return {
    sample,
    route,
    verdict,
    reason: verdict === 'not_compared' ? replayed.reason : null,
    differences: verdict === 'different' ? replayed.differences.map(toDifferenceJson) : [],
    story: describeReplayed(replayed),
  };
}

export function toAuditJson({ atMs, author, group, change, reason }: LedgerAudit): DiffAuditJson {
  return { at: toTime(atMs), author, group, change, reason };
}
