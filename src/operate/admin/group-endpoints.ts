import * as z from 'zod';
import type { GroupId, KeptSample, TriageWish } from '../../vocabulary/index.ts';
import type { DiffDesk } from '../diffs/desk.ts';
import {
  groupAnswerShape,
  groupShape,
  replayedShape,
  type SampleJson,
  toGroupJson,
  toReplayedJson,
  toSampleJson,
  toUnlockJson,
  unlockShape,
} from './diff-wire.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { type AdminFailure, isRefusal, refuse } from './problem.ts';
import { person, sentence } from './wire.ts';

/** Called after a group was judged, so that whoever watches looks again. */
export type TellChange = () => void;

/** What is read and done of one group: its samples, its triage, its clear values; and samples that are run again. */
export function listGroupEndpoints(desk: DiffDesk, tellChange: TellChange): readonly Endpoint[] {
  return [tellGroup(desk), triageGroup(desk, tellChange), unlockGroup(desk), replaySamples(desk)];
}

const ID = { id: 'The group’s id: 12 hex digits, as GET /api/diffs shows it.' };
const MOST_SAMPLES = 50;

function tellGroup(desk: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/diffs/{id}',
    summary:
      'One group with its newest samples, by their shapes; with `reveal=true` the values, while an unlock is in force.',
    access: 'token',
    params: ID,
    query: z.strictObject({
      reveal: z.enum(['true', 'false']).default('false'),
      limit: z.coerce.number().int().min(1).max(MOST_SAMPLES).default(10),
    }),
    answers: { 200: { means: 'The group, its samples, and the unlock in force.', schema: groupAnswerShape } },
    answer: async ({ params, query }) => {
      const group = await desk.findGroup(params.id ?? '');
      if (isRefusal(group)) return group;
      const samples = await desk.listSamples(group, query.limit);
      const unlock = await desk.ledger.findUnlock(group.id, Date.now());
      const shown = query.reveal === 'true' ? await reveal(desk, group.id, samples) : samples.map(mask);
      if (isRefusal(shown)) return shown;
      const json = {
        ...toGroupJson(group),
        unlock: unlock ? toUnlockJson(unlock) : null,
        kept_samples: shown,
      };
      return { status: 200, json };
    },
  });
}

const mask = (sample: KeptSample): SampleJson => toSampleJson(sample);

/** Into the audit log first, so that nobody sees a value of which the log knows nothing. */
async function reveal(
  { ledger, replays }: DiffDesk,
  group: GroupId,
  samples: readonly KeptSample[],
): Promise<AdminFailure | readonly SampleJson[]> {
  const unlock = await ledger.findUnlock(group, Date.now());
  if (!unlock) return refuse('values_locked');
  const change = `looked at the values of ${samples.length} ${samples.length === 1 ? 'sample' : 'samples'}`;
  await ledger.note({ author: unlock.author, group, change, reason: unlock.reason });
  return Promise.all(
    samples.map(async (sample) => {
      const values = await replays.reveal(sample);
      return toSampleJson(sample, values ? values.map((value) => ({ ...value })) : null);
    }),
  );
}

const DAY_MS = 86_400_000;
const LONGEST_ACCEPTANCE_DAYS = 180;

const triageBody = z
  .strictObject({
    state: z.enum(['open', 'bug', 'accepted', 'noise']),
    author: person,
    owner: person.optional(),
    reason: sentence.optional(),
    until: z.iso.datetime({ offset: true }).optional(),
  })
  .check((context) => {
    for (const [member, message] of findTriageTroubles(context.value, Date.now()))
      context.issues.push({ code: 'custom', path: [member], message, input: context.value });
  });

type TriageBody = Readonly<{
  state: TriageWish['state'];
  reason?: string | undefined;
  until?: string | undefined;
}>;

function findTriageTroubles({ state, reason, until }: TriageBody, nowMs: number): [string, string][] {
  if (state !== 'accepted') return until === undefined ? [] : [['until', 'only what is accepted has an end']];
  const troubles: [string, string][] = [];
  if (reason === undefined) troubles.push(['reason', 'is needed: why may the sides differ here?']);
  const daysAhead = until === undefined ? Number.NaN : (Date.parse(until) - nowMs) / DAY_MS;
  if (Number.isNaN(daysAhead)) troubles.push(['until', 'is needed: nothing is accepted for ever']);
  else if (daysAhead <= 0) troubles.push(['until', 'lies in the past']);
  else if (daysAhead > LONGEST_ACCEPTANCE_DAYS)
    troubles.push(['until', `is more than ${LONGEST_ACCEPTANCE_DAYS} days ahead`]);
  return troubles;
}

function triageGroup(desk: DiffDesk, tellChange: TellChange): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/diffs/{id}/triage',
    summary: 'Says what a group is: open, a bug, accepted for a while, or noise.',
    access: 'token',
    params: ID,
    body: triageBody,
    answers: { 200: { means: 'The group as it is now; the audit log has the line.', schema: groupShape } },
    answer: async ({ params, body }) => {
      const group = await desk.findGroup(params.id ?? '');
      if (isRefusal(group)) return group;
      const judged = await desk.ledger.triage(group.id, readTriage(body));
      if (!judged) return refuse('group_unknown');
      tellChange();
      return { status: 200, json: toGroupJson(judged) };
    },
  });
}

function readTriage({
  state,
  author,
  owner = author,
  reason,
  until,
}: z.infer<typeof triageBody>): TriageWish {
  const wish = { author, owner, reason: reason ?? 'no reason given' };
  return state === 'accepted' ? { ...wish, state, untilMs: Date.parse(until ?? '') } : { ...wish, state };
}

function unlockGroup(desk: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/diffs/{id}/unlock',
    summary: 'Lets the values of one group be looked at for some minutes. The audit log says who and why.',
    access: 'token',
    params: ID,
    body: z.strictObject({ author: person, reason: sentence, minutes: z.int().min(1).max(60).default(10) }),
    answers: { 201: { means: 'The unlock, and until when.', schema: unlockShape } },
    answer: async ({ params, body: { author, reason, minutes } }) => {
      const group = await desk.findGroup(params.id ?? '');
      if (isRefusal(group)) return group;
      const untilMs = Date.now() + minutes * 60_000;
      const unlock = await desk.ledger.unlock({ group: group.id, author, reason, untilMs });
      return { status: 201, json: toUnlockJson(unlock) };
    },
  });
}

const replayBody = z
  .strictObject({
    sample: z.string().min(1).max(100).optional(),
    group: z.string().min(1).max(100).optional(),
    route: z.string().min(1).max(100).optional(),
    limit: z.int().min(1).max(MOST_SAMPLES).default(20),
  })
  .check((context) => {
    const { sample, group, route } = context.value;
    if ([sample, group, route].filter((named) => named !== undefined).length === 1) return;
    const message = 'expected one of "sample", "group" and "route"';
    context.issues.push({ code: 'custom', message, input: context.value });
  });

function replaySamples(desk: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/replays',
    summary: 'Runs kept samples on both sides again: one, those of a group, or those of a route.',
    access: 'token',
    body: replayBody,
    answers: {
      200: { means: 'What became of each.', schema: z.object({ results: z.array(replayedShape) }) },
    },
    answer: async ({ body }) => {
      const samples = await findSamples(desk, body);
      if (isRefusal(samples)) return samples;
      const results = await desk.replays.replay(samples);
      return { status: 200, json: { results: results.map(toReplayedJson) } };
    },
  });
}

async function findSamples(
  desk: DiffDesk,
  { sample: id, group: groupId, route: routeId = '', limit }: z.infer<typeof replayBody>,
): Promise<readonly KeptSample[] | AdminFailure> {
  if (id !== undefined) {
    const sample = await desk.ledger.findSample(id);
    return sample ? [sample] : refuse('sample_unknown');
  }
  if (groupId !== undefined) {
    const group = await desk.findGroup(groupId);
    return isRefusal(group) ? group : desk.listSamples(group, limit);
  }
  const route = await desk.findRoute(routeId);
  return isRefusal(route) ? route : desk.ledger.listSamples({ route }, limit);
}
