import * as z from 'zod';
import type { TriageWish } from '../../vocabulary/index.ts';
import type { DiffDesk } from '../diffs/desk.ts';
import { groupShape } from './diff-shapes.ts';
import { toGroupJson } from './diff-wire.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { isRefusal, refuse } from './problem.ts';
import { person, sentence } from './wire.ts';

export const GROUP_ID = { id: 'The group’s id: 12 hex digits, as GET /api/diffs shows it.' };

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

/** `tellChange` is called after a group was judged, so that whoever watches looks again. */
export function triageGroup(desk: DiffDesk, tellChange: () => void): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/diffs/{id}/triage',
    summary: 'Says what a group is: open, a bug, accepted for a while, or noise.',
    access: 'token',
    params: GROUP_ID,
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
