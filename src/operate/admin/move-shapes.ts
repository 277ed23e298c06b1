import * as z from 'zod';
import {
  type InstanceRecord,
  type MoveOrder,
  type MoveWave,
  PROOF_STATES,
  type ProofRecord,
  SIDES,
  TENURE_STEPS,
} from '../../vocabulary/index.ts';
import type { MoveDone } from '../move/move-wish.ts';
import type { InstancesView, MovesView, MoveView, TenantView } from '../move/view.ts';
import { flipShape, toFlipJson } from './wire.ts';

/** What the admin API says of moves. */

const text = z.string();
const time = z.iso.datetime();

export const orderShape = z.object({
  id: z.int(),
  feature: text,
  /** Null where the registry knows it no longer. */
  tenant: text.nullable(),
  order: z.enum(['hand_over', 'hand_back', 'verify', 'rehearse']),
  author: text,
  at: time,
  state: z.enum(['waiting', 'running', 'done', 'failed', 'withdrawn']),
  attempt: z.int(),
  in_waves: z.boolean(),
  wave: z.int().nullable(),
  detail: text.nullable(),
  held_ms: z.number().nullable(),
  rows: z.int().nullable(),
  ended_at: time.nullable(),
});
const backShape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('free'), sentence: text }),
  z.object({ kind: z.literal('sync'), sentence: text, ms: z.number(), lines: z.int() }),
  z.object({ kind: z.literal('loses'), sentence: text, writes: z.int() }),
  z.object({ kind: z.literal('legacys'), sentence: text }),
  z.object({ kind: z.literal('over'), sentence: text }),
]);
const proofShape = z.object({
  state: z.enum(PROOF_STATES),
  checked_at: time,
  rows: z.int().nullable(),
  detail: text,
});
const tenantShape = z.object({
  id: z.int(),
  tenant: text,
  owner: z.enum(SIDES),
  step: z.enum(TENURE_STEPS),
  declared: z.enum([...SIDES, 'mixed']),
  since: time.nullable(),
  waiting: z.object({ lines: z.int(), oldest_ms: z.number() }),
  strangers: z.int(),
  trouble: text.nullable(),
  order: orderShape.nullable(),
  proof: proofShape.nullable(),
  back: backShape,
});
const limitsShape = z.object({
  wave: z.int().nullable(),
  at_once: z.int().nullable(),
  stop_after: z.int().nullable(),
});
const waveShape = z.object({
  wave: z.int(),
  tenants: z.int(),
  running: z.int(),
  done: z.int(),
  failed: z.int(),
  later: z.int(),
  ended: z.int(),
});
const moveShape = z.object({
  feature: text,
  tables: z.array(text),
  state: z.enum(['moving', 'paused', 'retired']),
  paused_why: text.nullable(),
  limits: limitsShape,
  /** Null before anybody was to be handed over. */
  wave: waveShape.nullable(),
  started_at: time,
  tenants: z.array(tenantShape),
});
export const movesShape = z.object({
  epoch: z.int(),
  moves: z.array(moveShape),
  orders: z.array(orderShape),
});
export const moveDoneShape = z.object({
  changed: z.boolean(),
  story: z.array(text),
  unconfirmed: z.array(text),
  flip: flipShape.nullable(),
  orders: z.array(orderShape),
  settled: z.array(text),
});
const instanceShape = z.object({
  id: text,
  name: text,
  started_at: time,
  seen_at: time,
  epoch: z.int(),
  live: z.boolean(),
  confirmed: z.boolean(),
  busy: z.array(z.object({ tenant: text, feature: text })),
});
export const instancesShape = z.object({ epoch: z.int(), instances: z.array(instanceShape) });

export type OrderJson = z.infer<typeof orderShape>;
export type TenantMoveJson = z.infer<typeof tenantShape>;
export type MoveJson = z.infer<typeof moveShape>;
export type MovesJson = z.infer<typeof movesShape>;
export type MoveDoneJson = z.infer<typeof moveDoneShape>;

type NameOf = (tenant: MoveOrder['tenant']) => string | undefined;

export function toOrderJson(order: MoveOrder, nameOf: NameOf): OrderJson {
  const { id, feature, tenant, author, at, state } = order;
  return {
    id,
    feature,
    tenant: nameOf(tenant) ?? null,
    order: order.order,
    author,
    at: at.toISOString(),
    state,
    attempt: order.attempt,
    in_waves: order.inWaves,
    wave: order.wave ?? null,
    detail: order.detail ?? null,
    held_ms: order.heldMs ?? null,
    rows: order.rows ?? null,
    ended_at: order.endedAt?.toISOString() ?? null,
  };
}

export function toMovesJson({ epoch, moves, open }: MovesView): MovesJson {
  const nameOf = nameBy(moves);
  return { epoch, moves: moves.map(toMoveJson), orders: open.map((order) => toOrderJson(order, nameOf)) };
}

function nameBy(moves: readonly MoveView[]): NameOf {
  const names = new Map(
    moves.flatMap(({ tenants }) => tenants.map(({ tenant }) => [tenant.id, tenant.name] as const)),
  );
  return (tenant) => names.get(tenant);
}

function toMoveJson({ move, wave, tenants }: MoveView): MoveJson {
  const { feature, tables, state, startedAt, limits, pausedWhy } = move;
  return {
    feature,
    tables: [...tables],
    state,
    paused_why: pausedWhy ?? null,
    limits: {
      wave: limits.wave ?? null,
      at_once: limits.atOnce ?? null,
      stop_after: limits.stopAfter ?? null,
    },
    wave: wave && wave.wave + wave.later > 0 ? toWaveJson(wave) : null,
    started_at: startedAt.toISOString(),
    tenants: tenants.map(toTenantJson),
  };
}

const toWaveJson = ({ feature: _feature, ...wave }: MoveWave) => wave;

function toTenantJson(one: TenantView): TenantMoveJson {
  const { tenant, owner, step, declared, waiting, strangers, order, back } = one;
  return {
    id: tenant.id,
    tenant: tenant.name,
    owner,
    step,
    declared,
    since: one.since?.toISOString() ?? null,
    waiting: { lines: waiting.lines, oldest_ms: waiting.oldestMs },
    strangers,
    trouble: one.trouble ?? null,
    order: order ? toOrderJson(order, () => tenant.name) : null,
    proof: one.proof ? toProofJson(one.proof) : null,
    back,
  };
}

function toProofJson({ state, checkedAt, rows, detail }: ProofRecord): NonNullable<TenantMoveJson['proof']> {
  return { state, checked_at: checkedAt.toISOString(), rows: rows ?? null, detail };
}

export function toMoveDoneJson(done: MoveDone, nameOf: NameOf): MoveDoneJson {
  const { changed, story, unconfirmed, flip, orders, settled } = done;
  return {
    changed,
    story: [...story],
    unconfirmed: [...unconfirmed],
    flip: flip ? toFlipJson(flip) : null,
    orders: orders.map((order) => toOrderJson(order, nameOf)),
    settled: [...settled],
  };
}

export function toInstancesJson({ epoch, instances, nameOf }: InstancesView): z.infer<typeof instancesShape> {
  return { epoch, instances: instances.map((one) => toInstanceJson(one, epoch, nameOf)) };
}

function toInstanceJson(
  { id, name, startedAt, seenAt, epoch, heard, busy, isLive: live }: InstanceRecord,
  newest: number,
  nameOf: InstancesView['nameOf'],
) {
  return {
    id,
    name,
    started_at: startedAt.toISOString(),
    seen_at: seenAt.toISOString(),
    epoch: busy.length > 0 ? epoch : Math.max(epoch, heard),
    live,
    confirmed: live && heard >= newest && busy.length === 0,
    busy: busy.map(({ tenant, feature }) => ({ tenant: nameOf(tenant), feature })),
  };
}
