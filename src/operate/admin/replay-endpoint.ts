import * as z from 'zod';
import type { KeptSample } from '../../vocabulary/index.ts';
import type { DiffDesk } from '../diffs/desk.ts';
import { replayedShape } from './diff-shapes.ts';
import { toReplayedJson } from './diff-wire.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { type AdminFailure, isRefusal, refuse } from './problem.ts';

const MOST_SAMPLES = 50;

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

export function replaySamples(desk: DiffDesk): Endpoint {
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
