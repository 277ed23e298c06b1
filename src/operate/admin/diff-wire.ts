import * as z from 'zod';
import {
  DIFFERENCE_KINDS,
  type Difference,
  type DiffGroup,
  type KeptSample,
  type LedgerAudit,
  NOT_COMPARED_REASONS,
  type Replayed,
  type Triage,
  type Unlock,
} from '../../vocabulary/index.ts';
import type { RouteVerdict } from '../diffs/confidence.ts';
import type { Overview, RouteDiffs } from '../diffs/desk.ts';
import { describeGroup, describeReplayed } from '../diffs/words.ts';

/** What the admin API says of differences. Times are ISO 8601; a value is only ever a shape, but for what the table lets be clear. */

const text = z.string();
const time = z.iso.datetime();
const count = z.int().min(0);

export const valueShape = z.object({
  type: z.enum(['absent', 'null', 'boolean', 'number', 'string', 'list', 'object', 'bytes']),
  length: count.optional(),
  hash: text.optional(),
  clear: text.optional(),
});
export const differenceShape = z.object({
  path: text,
  kind: z.enum(DIFFERENCE_KINDS),
  legacy: valueShape,
  new: valueShape,
});
export const triageShape = z.object({
  state: z.enum(['open', 'bug', 'accepted', 'noise']),
  owner: text.nullable(),
  reason: text.nullable(),
  at: time.nullable(),
  until: time.nullable(),
  learned: z.enum(['by_hand', 'legacy']).nullable(),
});
export const groupShape = z.object({
  id: text,
  route: text,
  path: text,
  kind: z.enum(DIFFERENCE_KINDS),
  types: text,
  story: text,
  count,
  first: time,
  last: time,
  counts: z.boolean(),
  samples: count,
  triage: triageShape,
});
export const verdictShape = z.object({
  kind: z.enum(['clean', 'different', 'not_enough_data']),
  sentence: text,
  compared: count,
  same: count,
  different: count,
  accepted: count,
  noise: count,
  not_compared: count,
  reasons: z.partialRecord(z.enum(NOT_COMPARED_REASONS), count),
  /** One-sided, at 95 %: 0 to 100. */
  upper_bound_percent: z.number(),
  first: time.nullable(),
  last: time.nullable(),
});
export const routeDiffsShape = z.object({
  route: text,
  stage: text.nullable(),
  verdict: verdictShape,
  groups: z.array(groupShape),
  /** Groups beyond those that are listed. */
  more_groups: count,
});
export const overviewShape = z.object({
  revision: text,
  since: time,
  at: time,
  max_percent: z.number().nullable(),
  min: count.nullable(),
  routes: z.array(routeDiffsShape),
});
const side = z.object({ legacy: z.unknown(), new: z.unknown() });
export const sampleShape = z.object({
  id: text,
  at: time,
  request_id: text,
  tenant: text,
  method: text,
  path: text,
  statuses: z.object({ legacy: z.int(), new: z.int() }),
  skeletons: side,
  differences: z.array(differenceShape),
  effects: z.array(text),
  replay: text,
  /** The values in clear, by path: null unless they were asked for and could be kept. */
  values: z.array(z.object({ path: text, legacy: text, new: text })).nullable(),
});
export const unlockShape = z.object({ author: text, reason: text, at: time, until: time });
export const groupAnswerShape = groupShape.extend({
  unlock: unlockShape.nullable(),
  kept_samples: z.array(sampleShape),
});
export const replayedShape = z.object({
  sample: text,
  route: text,
  verdict: z.enum(['same', 'different', 'not_compared']),
  reason: text.nullable(),
  differences: z.array(differenceShape),
  story: text,
});
export const auditShape = z.object({ at: time, author: text, group: text, change: text, reason: text });

export type GroupJson = z.infer<typeof groupShape>;
export type OverviewJson = z.infer<typeof overviewShape>;
export type RouteDiffsJson = z.infer<typeof routeDiffsShape>;
export type SampleJson = z.infer<typeof sampleShape>;
export type GroupAnswerJson = z.infer<typeof groupAnswerShape>;
export type ReplayedJson = z.infer<typeof replayedShape>;
export type DiffAuditJson = z.infer<typeof auditShape>;
type TriageJson = z.infer<typeof triageShape>;

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

function toDifferenceJson(difference: Difference): z.infer<typeof differenceShape> {
  return { ...difference, legacy: { ...difference.legacy }, new: { ...difference.new } };
}

function parseText(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

export function toUnlockJson({ author, reason, atMs, untilMs }: Unlock): z.infer<typeof unlockShape> {
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
