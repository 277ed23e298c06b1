import type { IncomingHttpHeaders } from 'node:http';
import * as z from 'zod';
import { type FlipLog, parseRevision, type Revision, STAGES } from '../../vocabulary/index.ts';
import { describeOutcome } from '../flip/change-story.ts';
import type { FlipDesk, FlipDone, FlipPreview } from '../flip/flip-desk.ts';
import { type FlipWish, findSubject } from '../flip/flip-plan.ts';
import { listChangedLines } from '../flip/line-diff.ts';
import { type Answer, defineEndpoint, type Endpoint } from './endpoint.ts';
import { type AdminFailure, isRefusal, refuse } from './problem.ts';
import { flipShape, percent, person, sentence, tenantName, toFlipJson } from './wire.ts';

/**
 * The members of a body that say what a flip changes; what is left out stays as it is. `tenants` and `except` are the flag's whole
 * lists afterwards; `move` names tenants that alone go to the stage. `force` "legacy" lets legacy answer everybody whatever stage, flag and
 * testers say, and null ends that. Retired routes are left alone without `take_back_retired`.
 */
export const changeMembers = {
  stage: z.enum(STAGES).optional(),
  percent: percent.optional(),
  tenants: z.array(tenantName).max(10_000).optional(),
  except: z.array(tenantName).max(10_000).optional(),
  move: z.array(tenantName).min(1).max(10_000).optional(),
  force: z.literal('legacy').nullable().optional(),
  take_back_retired: z.literal(true).optional(),
} as const;

type ChangeMembers = z.infer<z.ZodObject<typeof changeMembers>>;

export function readChange(body: ChangeMembers) {
  const { stage, percent, tenants, except, move, take_back_retired: retired } = body;
  const force = body.force === null ? ('none' as const) : body.force;
  return { stage, percent, tenants, except, move, force, retired: retired && ('take_back' as const) };
}

export const flipAnswerShape = z.object({
  changed: z.boolean(),
  revision: z.string(),
  story: z.array(z.string()),
  flip: flipShape.nullable(),
});
const previewShape = z.object({
  dry_run: z.literal(true),
  changed: z.boolean(),
  revision: z.string(),
  story: z.array(z.string()),
  outcomes: z.array(z.object({ route: z.string(), outcome: z.string() })),
  diff: z.array(z.string()),
});

const REVISION = z.string().regex(/^[0-9a-f]{12}$/, 'expected a revision of 12 hex digits');
const flipBody = z
  .strictObject({
    subject: z.string().min(1).max(100),
    ...changeMembers,
    reason: sentence.optional(),
    author: person.optional(),
    expected: REVISION.optional(),
    dry_run: z.boolean().optional(),
  })
  .check((context) => {
    const { dry_run, reason, author } = context.value;
    const missing = dry_run
      ? []
      : Object.entries({ reason, author }).filter(([, value]) => value === undefined);
    for (const [member] of missing)
      context.issues.push({
        code: 'custom',
        path: [member],
        message: 'is needed, for the audit log',
        input: context.value,
      });
  });

export function listFlipEndpoints(flips: FlipLog, desk: FlipDesk): readonly Endpoint[] {
  return [listFlips(flips), makeFlip(desk), undoFlip(desk)];
}

function listFlips(flips: FlipLog): Endpoint {
  const shape = z.object({ flips: z.array(flipShape), standing: z.int().nullable() });
  return defineEndpoint({
    method: 'GET',
    path: '/api/flips',
    summary: 'The audit log, newest first; `standing` is the flip that an undo would take back.',
    access: 'token',
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(50) }),
    answers: { 200: { means: 'The newest flips.', schema: shape } },
    answer: async ({ query }) => {
      const [list, standing] = await Promise.all([flips.list(query.limit), flips.lastStanding()]);
      return { status: 200, json: { flips: list.map(toFlipJson), standing: standing?.id ?? null } };
    },
  });
}

function makeFlip(desk: FlipDesk): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/flips',
    summary:
      'Flips a route, or all routes of a feature. With `dry_run` says what would happen and does nothing.',
    access: 'token',
    headers: { 'If-Match': 'Optional: the revision that was seen, in double quotes.' },
    body: flipBody,
    answers: {
      200: { means: 'All was so already, or a dry run.', schema: z.union([flipAnswerShape, previewShape]) },
      201: { means: 'The flip is in force and logged.', schema: flipAnswerShape },
    },
    answer: async ({ body, headers }) => {
      const seen = parseIfMatch(headers);
      if (isRefusal(seen)) return seen;
      const wish: FlipWish = {
        subject: body.subject,
        ...readChange(body),
        author: body.author ?? '',
        reason: body.reason ?? '',
        expected: seen ?? parseRevision(body.expected),
      };
      return body.dry_run ? answerPreview(await desk.preview(wish)) : answerFlip(await desk.flip(wish));
    },
  });
}

function undoFlip(desk: FlipDesk): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/flips/undo',
    summary: 'Takes back the newest flip that still stands.',
    access: 'token',
    headers: { 'If-Match': 'Optional: the revision that was seen, in double quotes.' },
    body: z.strictObject({ author: person, reason: sentence.optional(), expected: REVISION.optional() }),
    answers: { 201: { means: 'The flip is taken back and logged.', schema: flipAnswerShape } },
    answer: async ({ body: { author, reason, expected }, headers }) => {
      const seen = parseIfMatch(headers);
      if (isRefusal(seen)) return seen;
      return answerFlip(await desk.undo({ author, reason, expected: seen ?? parseRevision(expected) }));
    },
  });
}

/** RFC 9110 section 13.1.1, for our one kind of tag; `*` takes any revision. */
export function parseIfMatch(headers: IncomingHttpHeaders): Revision | undefined | AdminFailure {
  const raw = headers['if-match'];
  if (raw === undefined || raw === '*') return undefined;
  const revision = parseRevision(/^"([0-9a-f]{12})"$/.exec(raw)?.[1]);
  return (
    revision ??
    refuse('body_invalid', 'If-Match must be one revision in double quotes, for example "0123456789ab".')
  );
}

export function answerFlip(done: FlipDone | AdminFailure): Answer {
  if (isRefusal(done)) return done;
  const { revision, story, flip } = done;
  const json = { changed: flip !== undefined, revision, story, flip: flip ? toFlipJson(flip) : null };
  return { status: flip ? 201 : 200, json, headers: { ETag: `"${revision}"` } };
}

function answerPreview(preview: FlipPreview | AdminFailure): Answer {
  if (isRefusal(preview)) return preview;
  const { revision, story, plan } = preview;
  const diff = listChangedLines(plan.before.text, plan.after.text);
  const outcomes = listOutcomes(preview);
  return {
    status: 200,
    json: { dry_run: true, changed: diff.length > 0, revision, story, outcomes, diff },
  };
}

function listOutcomes({ plan, flagSource }: FlipPreview) {
  const { table } = plan.after;
  const subject = findSubject(table, plan.subject);
  if (isRefusal(subject)) return [];
  return subject.routes.map((route) => {
    const name = route.flag;
    const flag = flagSource === 'unleash' ? flagSource : table.flags.find((known) => known.name === name);
    return { route: route.id, outcome: describeOutcome(route, name === undefined ? undefined : flag) };
  });
}
