import * as z from 'zod';
import type { DiffDesk, OverviewWish } from '../diffs/desk.ts';
import { listFixtures } from '../diffs/fixtures.ts';
import { writeReport } from '../diffs/report/report.ts';
import { parseSince, SINCE_HINT } from '../diffs/since.ts';
import { auditShape, overviewShape } from './diff-shapes.ts';
import { toAuditJson, toOverviewJson } from './diff-wire.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { isRefusal } from './problem.ts';

const SINCE = '24h';
const since = z
  .string()
  .max(40)
  .default(SINCE)
  .transform((typed, context) => {
    const sinceMs = parseSince(typed, Date.now());
    if (sinceMs === undefined) context.addIssue({ code: 'custom', message: SINCE_HINT });
    return sinceMs ?? 0;
  })
  .meta({ type: 'string' });
const route = z.string().min(1).max(100).optional();

const overviewQuery = z.strictObject({
  route,
  since,
  max_percent: z.coerce.number().min(0).max(100).optional(),
  min: z.coerce.number().int().min(1).max(1_000_000_000).optional(),
});
const reportQuery = overviewQuery;

/** What is read of all groups together: the overview, the report, the fixtures, the audit log. */
export function listDiffEndpoints(desk: DiffDesk): readonly Endpoint[] {
  return [tellDiffs(desk), tellReport(desk), exportFixtures(desk), tellAudit(desk)];
}

type OverviewQuery = z.infer<typeof overviewQuery>;

function readWish({ route, since, max_percent: maxPercent, min }: OverviewQuery): OverviewWish {
  return { route, sinceMs: since, maxRate: maxPercent === undefined ? undefined : maxPercent / 100, min };
}

function tellDiffs(desk: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/diffs',
    summary: 'For each route in shadow the verdict, the counts behind it, and the groups of differences.',
    access: 'token',
    query: overviewQuery,
    answers: { 200: { means: 'The routes, those that want work first.', schema: overviewShape } },
    answer: async ({ query }) => {
      const overview = await desk.overview(readWish(query), Date.now());
      return isRefusal(overview) ? overview : { status: 200, json: toOverviewJson(overview) };
    },
  });
}

function tellReport(desk: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/diffs/report.html',
    summary: 'The same with samples, as one page that can be sent and printed.',
    access: 'token',
    query: reportQuery,
    answers: { 200: { means: 'A page that asks nothing of the net.', media: 'text/html' } },
    answer: async ({ query }) => {
      const overview = await desk.overview(readWish(query), Date.now());
      if (isRefusal(overview)) return overview;
      return { status: 200, text: await writeReport(desk, overview), type: 'text/html; charset=utf-8' };
    },
  });
}

function exportFixtures(desk: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/diffs/export',
    summary: 'Contract fixtures of the accepted groups: masked samples, and what may differ in them.',
    access: 'token',
    query: z.strictObject({ route }),
    answers: {
      200: {
        means: 'The fixtures; `banyan diffs export` writes them to files.',
        schema: z.object({ fixtures: z.array(z.object({ route: z.string(), group: z.string() }).loose()) }),
      },
    },
    answer: async ({ query }) => {
      const found = query.route === undefined ? undefined : await desk.findRoute(query.route);
      if (isRefusal(found)) return found;
      return { status: 200, json: { fixtures: await listFixtures(desk, found, Date.now()) } };
    },
  });
}

function tellAudit({ ledger }: DiffDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/diffs/audit',
    summary: 'Who judged or unlocked which group, and why; newest first.',
    access: 'token',
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(50) }),
    answers: { 200: { means: 'The newest lines.', schema: z.object({ audit: z.array(auditShape) }) } },
    answer: async ({ query }) => ({
      status: 200,
      json: { audit: (await ledger.listAudit(query.limit)).map(toAuditJson) },
    }),
  });
}
