import * as z from 'zod';
import { MOST_MOVES_AT_ONCE } from '../../vocabulary/index.ts';
import type { MoveDesk } from '../move/move-desk.ts';
import { MOVE_COMMANDS, type MoveWish } from '../move/move-wish.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import {
  instancesShape,
  moveDoneShape,
  movesShape,
  orderShape,
  toInstancesJson,
  toMoveDoneJson,
  toMovesJson,
  toOrderJson,
} from './move-shapes.ts';
import { isRefusal, refuse } from './problem.ts';
import { person, sentence, tenantName } from './wire.ts';

const name = z.string().min(1).max(100);

/** Of single tenants, or all: nothing is meant where nobody is named. */
const TENANTS_MEANT: readonly string[] = ['hand_over', 'hand_back', 'verify', 'rehearse', 'retry'];
const LIMITED: readonly string[] = ['start', 'resume', 'limits', 'hand_over'];

const moveBody = z
  .strictObject({
    order: z.enum(MOVE_COMMANDS),
    feature: name,
    tenants: z.array(tenantName).min(1).max(10_000).optional(),
    all: z.literal(true).optional(),
    author: person,
    reason: sentence.optional(),
    confirm: name.optional(),
    limits: z
      .strictObject({
        wave: z.int().min(1).max(10_000).nullable().optional(),
        at_once: z.int().min(1).max(MOST_MOVES_AT_ONCE).nullable().optional(),
        stop_after: z.int().min(0).max(10_000).nullable().optional(),
      })
      .optional(),
    export: z
      .union([
        z.literal('none'),
        z.strictObject({
          directory: z.string().min(1).max(1_000),
          tenants: z.int().min(0),
          sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hexadecimal'),
        }),
      ])
      .optional(),
  })
  .check(({ value, issues }) => {
    const { order, limits, tenants } = value;
    if (limits === undefined || (LIMITED.includes(order) && tenants === undefined)) return;
    const message = 'expected "limits" beside start, resume, limits, or hand_over of all';
    issues.push({ code: 'custom', message, input: value });
  })
  .check((context) => {
    const { order, tenants, all } = context.value;
    const isOfTenants = TENANTS_MEANT.includes(order);
    const named = [tenants, all].filter((part) => part !== undefined).length;
    if (named === (isOfTenants ? 1 : 0)) return;
    const message = isOfTenants
      ? `expected "tenants" or "all" beside ${order}`
      : `expected neither "tenants" nor "all": ${order} concerns the whole feature`;
    context.issues.push({ code: 'custom', message, input: context.value });
  });

export function listMoveEndpoints(desk: MoveDesk): readonly Endpoint[] {
  return [tellMoves(desk), tellOrder(desk), makeMove(desk), tellInstances(desk)];
}

function tellMoves(desk: MoveDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/moves',
    summary:
      'How moves stand: who owns each tenant’s rows, what waits, and what it would take to go back now.',
    access: 'token',
    query: z.strictObject({ feature: name.optional() }),
    answers: { 200: { means: 'The moves, and the orders that are open.', schema: movesShape } },
    answer: async ({ query }) => {
      const view = await desk.view(query.feature);
      return isRefusal(view) ? view : { status: 200, json: toMovesJson(view) };
    },
  });
}

function tellOrder(desk: MoveDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/moves/{id}',
    summary: 'One order: how far it is, or how it ended.',
    access: 'token',
    params: { id: 'The order’s number, as POST /api/moves answers it.' },
    answers: { 200: { means: 'The order.', schema: orderShape } },
    answer: async ({ params: { id = '' } }) => {
      if (!/^\d{1,15}$/.test(id)) return refuse('order_unknown');
      const order = await desk.findOrder(Number(id));
      if (isRefusal(order)) return order;
      return { status: 200, json: toOrderJson(order, await desk.nameTenants()) };
    },
  });
}

function makeMove(desk: MoveDesk): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/moves',
    summary:
      'Begins, pauses, resumes, limits or retires a move; orders tenants to be handed over, handed back, compared, rehearsed or tried again.',
    access: 'token',
    body: moveBody,
    answers: {
      200: { means: 'All was so already.', schema: moveDoneShape },
      201: { means: 'It is done, or ordered.', schema: moveDoneShape },
    },
    answer: async ({ body }) => {
      const done = await desk.carryOut(readWish(body));
      if (isRefusal(done)) return done;
      return { status: done.changed ? 201 : 200, json: toMoveDoneJson(done, await desk.nameTenants()) };
    },
  });
}

function readWish({ tenants, limits, export: kept, ...body }: z.infer<typeof moveBody>): MoveWish {
  const { order, feature, author, reason, confirm } = body;
  const wish = { order, feature, whom: tenants ?? ('all' as const), author, reason, confirm, kept };
  if (limits === undefined) return wish;
  const { wave, at_once: atOnce, stop_after: stopAfter } = limits;
  return { ...wish, limits: { wave, atOnce, stopAfter } };
}

function tellInstances(desk: MoveDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/instances',
    summary: 'The processes that answer requests, and whether each acts on what is true by now.',
    access: 'token',
    answers: { 200: { means: 'All that were alive within a day.', schema: instancesShape } },
    answer: async () => ({ status: 200, json: toInstancesJson(await desk.instances()) }),
  });
}
