import * as z from 'zod';
import { BREAKER_STATES, SIDES } from '../../vocabulary/index.ts';
import type { FlipDesk } from '../flip/flip-desk.ts';
import { findSubject } from '../flip/flip-plan.ts';
import { suggestName } from '../nearest-name.ts';
import type { RouteView, TableInForce } from '../ports.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { answerFlip, changeMembers, flipAnswerShape, parseIfMatch, readChange } from './flip-endpoints.ts';
import { isRefusal, refuse } from './problem.ts';
import {
  explanationShape,
  flagShape,
  person,
  routeShape,
  sentence,
  tableShape,
  tenantName,
  toExplanationJson,
  toFlagJson,
  toRouteJson,
  toTableJson,
  userId,
} from './wire.ts';

const oneRouteShape = routeShape.extend({ revision: z.string(), reach: flagShape.nullable() });
const breakersShape = z.object({
  breakers: z.array(z.object({ feature: z.string(), side: z.enum(SIDES), state: z.enum(BREAKER_STATES) })),
});

export function listRouteEndpoints(inForce: TableInForce, desk: FlipDesk): readonly Endpoint[] {
  return [
    tellTable(inForce),
    tellRoute(inForce),
    patchRoute(inForce, desk),
    explain(inForce),
    tellBreakers(inForce),
  ];
}

function tellTable(inForce: TableInForce): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/routes',
    summary: 'The table in force: routes, features, flags and breakers.',
    access: 'token',
    answers: { 200: { means: 'The table; its revision is also the ETag.', schema: tableShape } },
    answer: () => {
      const { revision, table } = inForce.current();
      const json = { revision, flag_source: inForce.flagSource, ...toTableJson(table, inForce.breakers()) };
      return { status: 200, json, headers: { ETag: `"${revision}"` } };
    },
  });
}

function tellRoute(inForce: TableInForce): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/routes/{id}',
    summary: 'One route, with the flag that its canary stage follows.',
    access: 'token',
    params: { id: 'The route’s id, for example ai.complete.' },
    answers: { 200: { means: 'The route; the table’s revision is the ETag.', schema: oneRouteShape } },
    answer: ({ params }) => {
      const { revision, table } = inForce.current();
      const route = table.routes.find(({ id }) => id === params.id);
      if (!route) return refuseUnknownRoute(params.id ?? '', table.routes);
      const flag = table.flags.find(({ name }) => name === route.flag);
      const json = {
        ...toRouteJson(route, inForce.breakers()),
        revision,
        reach: flag ? toFlagJson(flag) : null,
      };
      return { status: 200, json, headers: { ETag: `"${revision}"` } };
    },
  });
}

function refuseUnknownRoute(id: string, routes: readonly RouteView[]) {
  const known = routes.map((route) => route.id);
  return refuse('route_unknown', `The table lists no route "${id}".${suggestName(id, known)}`);
}

function patchRoute(inForce: TableInForce, desk: FlipDesk): Endpoint {
  const body = z.strictObject({ ...changeMembers, reason: sentence, author: person });
  return defineEndpoint({
    method: 'PATCH',
    path: '/api/routes/{id}',
    summary: 'Flips one route, if the table is still the one that was seen.',
    access: 'token',
    params: { id: 'The route’s id, for example ai.complete.' },
    headers: { 'If-Match': 'The revision that was seen, in double quotes: the ETag of GET /api/routes.' },
    body,
    answers: {
      200: { means: 'All was so already; nothing was written.', schema: flipAnswerShape },
      201: { means: 'The flip is in force and logged.', schema: flipAnswerShape },
    },
    answer: async ({ params, headers, body: wish }) => {
      const { table } = inForce.current();
      const subject = findSubject({ ...table, features: [] }, params.id ?? '');
      if ('kind' in subject) return refuseUnknownRoute(params.id ?? '', table.routes);
      const expected = parseIfMatch(headers);
      if (expected === undefined) return refuse('revision_missing');
      if (isRefusal(expected)) return expected;
      return answerFlip(
        await desk.flip({
          ...readChange(wish),
          subject: subject.name,
          author: wish.author,
          reason: wish.reason,
          expected,
        }),
      );
    },
  });
}

function explain(inForce: TableInForce): Endpoint {
  const body = z.strictObject({
    method: z.string().regex(/^[A-Za-z]{1,20}$/, 'expected an HTTP method such as GET'),
    path: z.string().min(1).max(16_384).startsWith('/', 'expected a path that begins with "/"'),
    tenant: tenantName.nullish(),
    user: userId.nullish(),
  });
  return defineEndpoint({
    method: 'POST',
    path: '/api/explain',
    summary: 'Who would answer this request, why, and what would change it.',
    access: 'token',
    body,
    answers: { 200: { means: 'The explanation, by the table in force.', schema: explanationShape } },
    answer: ({ body: { method, path, tenant, user } }) => {
      const question = { method, path, tenant: tenant ?? undefined, user: user ?? undefined };
      return { status: 200, json: toExplanationJson(inForce.explain(question)) };
    },
  });
}

function tellBreakers(inForce: TableInForce): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/breakers',
    summary: 'The breakers: one for each feature and side, and a pair for what no feature lists.',
    access: 'token',
    answers: { 200: { means: 'The state of each.', schema: breakersShape } },
    answer: () => ({ status: 200, json: { breakers: [...inForce.breakers()] } }),
  });
}
