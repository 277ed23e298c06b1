import * as z from 'zod';
import type { DiffGroup, KeptSample } from '../../vocabulary/index.ts';
import type { DiffDesk } from '../diffs/desk.ts';
import { groupAnswerShape, type SampleJson, unlockShape } from './diff-shapes.ts';
import { toGroupJson, toSampleJson, toUnlockJson } from './diff-wire.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { type AdminFailure, isRefusal, refuse } from './problem.ts';
import { replaySamples } from './replay-endpoint.ts';
import { GROUP_ID, triageGroup } from './triage-endpoint.ts';
import { person, sentence } from './wire.ts';

/** What is read and done of one group: its samples, its triage, its clear values; and samples that are run again. */
export function listGroupEndpoints(desk: DiffDesk, tellChange: () => void): readonly Endpoint[] {
  return [tellGroup(desk), triageGroup(desk, tellChange), unlockGroup(desk), replaySamples(desk)];
}

const MOST_SAMPLES = 50;

function tellGroup(desk: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/diffs/{id}',
    summary:
      'One group with its newest samples, by their shapes; with `reveal=true` the values, while an unlock is in force.',
    access: 'token',
    params: GROUP_ID,
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
      const shown = query.reveal === 'true' ? await reveal(desk, group, samples) : samples.map(mask);
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
  { id: group, path }: Pick<DiffGroup, 'id' | 'path'>,
  samples: readonly KeptSample[],
): Promise<AdminFailure | readonly SampleJson[]> {
  const unlock = await ledger.findUnlock(group, Date.now());
  if (!unlock) return refuse('values_locked');
  const change = `looked at the values of ${samples.length} ${samples.length === 1 ? 'sample' : 'samples'}`;
  await ledger.note({ author: unlock.author, group, change, reason: unlock.reason });
  return Promise.all(
    samples.map(async (sample) => {
      const values = await replays.reveal(sample);
      // The unlock is of this group; a sample holds values of others, too.
      const own = values?.filter((value) => value.path === path);
      return toSampleJson(sample, own ? own.map((value) => ({ ...value })) : null);
    }),
  );
}

function unlockGroup(desk: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/diffs/{id}/unlock',
    summary: 'Lets the values of one group be looked at for some minutes. The audit log says who and why.',
    access: 'token',
    params: GROUP_ID,
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
