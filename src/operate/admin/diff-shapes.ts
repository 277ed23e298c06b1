import * as z from 'zod';
import { DIFFERENCE_KINDS, NOT_COMPARED_REASONS } from '../../vocabulary/index.ts';

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
export type TriageJson = z.infer<typeof triageShape>;
export type DifferenceJson = z.infer<typeof differenceShape>;
export type UnlockJson = z.infer<typeof unlockShape>;
