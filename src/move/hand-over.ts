import { setTimeout as wait } from 'node:timers/promises';
import type { HandOverStep, MoverBook } from '../store/index.ts';
import type { FeatureName, MoveOrderKind, Position, Side, TenantId } from '../vocabulary/index.ts';
import { type Drift, describeHindrances } from './drift-watch.ts';
import type { Since } from './verify/index.ts';

/** Whose rows, and to which side. */
export type HandOverTask = Readonly<{
  order: Exclude<MoveOrderKind, 'verify'>;
  tenant: TenantId;
  feature: FeatureName;
  tables: readonly string[];
}>;

/** How long each step took while writes were held, in ms. */
export type Steps = Readonly<Record<string, number>>;

/** How it went. `refused`: not even begun; `failed`: everything is as it was before. */
export type HandOverEnd =
  | Readonly<{ kind: 'done'; heldMs: number; rows: number; steps: Steps; noted: readonly string[] }>
  | Readonly<{ kind: 'refused' | 'failed'; detail: string; heldMs?: number }>;

/** What a hand-over needs of others. Each of them rejects when the signal says so. */
export type HandOverPorts = Readonly<{
  book: Pick<
    MoverBook,
    | 'hold'
    | 'switchTo'
    | 'settle'
    | 'unconfirmed'
    | 'apart'
    | 'strangers'
    | 'partStrangers'
    | 'raiseIds'
    | 'lastIds'
  >;
  /** Everything that legacy has committed is in the store; answers where that is in legacy's log. */
  catchUp(signal: AbortSignal): Promise<Position>;
  /** Everything that the new side has committed for this tenant is on legacy. */
  drain(tenant: TenantId, signal: AbortSignal): Promise<void>;
  /** What of the tenant's schema is not understood. `apart`: columns that only one side has just shown. */
  judgeDrift(task: HandOverTask, apart: readonly string[]): Promise<Drift>;
  /** Are the rows equal? While nobody holds the writes they may be looked at again; while they are held, only what has changed since counts. */
  verify(
    task: Pick<HandOverTask, 'tenant' | 'feature' | 'tables'>,
    manner: Manner,
    signal: AbortSignal,
  ): Promise<Verified>;
  /** Legacy's sequences: by table, the id that it gives out next. */
  readSequences(task: HandOverTask): Promise<Readonly<Record<string, number>>>;
  /** Legacy gives out these next, or higher ones. */
  advanceSequences(task: HandOverTask, nextIds: Readonly<Record<string, number>>): Promise<void>;
  /** No transaction of legacy that has written to these tables is open any more. */
  outlast(task: HandOverTask, signal: AbortSignal): Promise<void>;
}>;

export type Manner = Readonly<{ kind: 'live' } | { kind: 'held'; since: Since | undefined }>;

/** `since`: what the look while writes are held may begin from. `apart`: columns (table.column) that could not be compared as they are. */
export type Verified = Readonly<
  | { kind: 'equal'; rows: number; since?: Since | undefined; apart?: readonly string[] }
  | { kind: 'different'; detail: string }
>;

/** A write waits for 2 s at most; what has not come about by then is given up, and users have noticed nothing. */
const PATIENCE_MS = 1_600;
const BEFOREHAND_MS = 60_000;
const LOOK_MS = 4;
const OTHER: Readonly<Record<Exclude<HandOverTask['order'], 'rehearse'>, Side>> = {
  hand_over: 'new',
  hand_back: 'legacy',
};

class Obstacle extends Error {}

/**
 * Hands one tenant's feature over, or back: looks whether it can be, holds the writes, lets those under way end, brings the other side level,
 * proves it, changes the owner, and lets the writes go on there. Whatever fails before the owner has changed ends with the owner before.
 * A rehearsal does all of it but the change.
 */
export async function handOver(ports: HandOverPorts, task: HandOverTask): Promise<HandOverEnd> {
  let ready: Ready;
  try {
    ready = await prepare(ports, task);
  } catch (error) {
    return { kind: 'refused', detail: describe(error) };
  }
  const heldSinceMs = performance.now();
  const held = await ports.book.hold(task.tenant, task.feature);
  if (held === undefined) return { kind: 'refused', detail: 'Another step is being taken for this tenant.' };
  const heldMs = () => performance.now() - heldSinceMs;
  try {
    const steps = new Stopwatch(heldSinceMs);
    steps.note('told');
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const level = await comeLevel(ports, task, { held, steps, since: ready.since }, signal);
    const { rows } = level;
    if (task.order === 'rehearse') {
      await ports.book.settle(held);
      steps.note('released');
      return { kind: 'done', heldMs: heldMs(), rows, steps: steps.seen, noted: ready.noted };
    }
    const owner = OTHER[task.order];
    const switched = await changeOwner(ports, task, { held, steps, at: level.at, owner }, signal);
    await release(ports, switched);
    // Who wrote on legacy just before it became the owner again was taken for a stranger, and his rows did not follow.
    if (task.order === 'hand_back') await ports.book.partStrangers(task.tenant, task.feature);
    steps.note('released');
    return { kind: 'done', heldMs: heldMs(), rows, steps: steps.seen, noted: ready.noted };
  } catch (error) {
    // Where the owner has changed after all this does nothing: the step is another one.
    await ports.book.settle(held);
    return { kind: 'failed', detail: describe(error), heldMs: heldMs() };
  }
}

class Stopwatch {
  readonly seen: Record<string, number> = {};
  #sinceMs: number;

  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  note(step: string): void {
    const nowMs = performance.now();
    this.seen[step] = Math.round(nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
  }
}

/** Since when only changes count, and what is to be told beside. */
type Ready = Readonly<{ since: Since | undefined; noted: readonly string[] }>;

/** All that takes its time, while writes go on. */
async function prepare(ports: HandOverPorts, task: HandOverTask): Promise<Ready> {
  const { tenant, feature, tables, order } = task;
  const signal = AbortSignal.timeout(BEFOREHAND_MS);
  const apart = await ports.book.apart(tenant, tables);
  if (apart === 'not_followed')
    throw new Obstacle("The tenant's rows do not follow legacy's. Run: banyan follow (docs/following.md).");
  if (apart.length > 0)
    throw new Obstacle(
      `The rows of ${apart.join(', ')} are apart from legacy's (docs/following.md): copy the tenant anew.`,
    );
  const strangers = await ports.book.strangers(tenant, feature);
  if (order === 'hand_back' && strangers > 0)
    throw new Obstacle(
      `Somebody has written ${strangers} rows on legacy while the new side owned them (banyan move status): handing back would mix them.`,
    );
  const noted = await refuseDrift(ports, task, []);
  if (order !== 'hand_back') await ports.catchUp(signal);
  else await ports.drain(tenant, signal);
  const verified = await ports.verify(task, { kind: 'live' }, signal);
  if (verified.kind === 'different') throw new Obstacle(verified.detail);
  const { since, apart: seen = [] } = verified;
  return { since, noted: seen.length > 0 ? await refuseDrift(ports, task, seen) : noted };
}

/** Answers what is no hindrance, and is to be told. */
async function refuseDrift(
  { judgeDrift }: HandOverPorts,
  task: HandOverTask,
  apart: readonly string[],
): Promise<readonly string[]> {
  const { hinders, noted } = await judgeDrift(task, apart);
  if (hinders.length > 0) throw new Obstacle(describeHindrances(hinders));
  return noted;
}

type Holding = Readonly<{ held: HandOverStep; steps: Stopwatch }>;

/** Nobody writes any more, and the other side has all of it: how many rows, and up to where in legacy's log. */
async function comeLevel(
  ports: HandOverPorts,
  task: HandOverTask,
  { held, steps, since }: Holding & Readonly<{ since: Since | undefined }>,
  signal: AbortSignal,
): Promise<Readonly<{ at: Position; rows: number }>> {
  await untilConfirmed(ports, held, signal);
  steps.note('confirmed');
  if (task.order !== 'hand_back') await ports.outlast(task, signal);
  else await ports.drain(task.tenant, signal);
  const at = await ports.catchUp(signal);
  steps.note('level');
  const verified = await ports.verify(task, { kind: 'held', since }, signal);
  if (verified.kind === 'different') throw new Obstacle(verified.detail);
  steps.note('verified');
  return { at, rows: verified.rows };
}

async function changeOwner(
  ports: HandOverPorts,
  task: HandOverTask,
  { held, steps, at, owner }: Holding & Readonly<{ at: Position; owner: Side }>,
  signal: AbortSignal,
): Promise<HandOverStep> {
  await carryIds(ports, task);
  steps.note('ids');
  signal.throwIfAborted();
  const switched = await ports.book.switchTo(held, owner, at);
  if (switched === undefined) throw new Obstacle('Another mover has taken over.');
  steps.note('switched');
  return switched;
}

/** Ids go on where the other side has stopped, also behind rows that are gone. */
async function carryIds(ports: HandOverPorts, task: HandOverTask): Promise<void> {
  if (task.order === 'hand_over') {
    await ports.book.raiseIds(task.tenant, await ports.readSequences(task));
    return;
  }
  const last = await ports.book.lastIds(task.tenant, task.tables);
  const next = Object.entries(last).map(([table, id]) => [table, id + 1] as const);
  await ports.advanceSequences(task, Object.fromEntries(next));
}

/** From here on there is only one way. Who has not confirmed within its lease acts on nothing any more. */
async function release(ports: HandOverPorts, switched: HandOverStep): Promise<void> {
  await untilConfirmed(ports, switched, new AbortController().signal);
  await ports.book.settle(switched);
}

async function untilConfirmed(
  { book }: HandOverPorts,
  step: HandOverStep,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const left = await book.unconfirmed(step);
    if (left === 0) return;
    if (signal.aborted)
      throw new Obstacle(
        `${left} of the gateway's processes still had writes under way, or did not answer in time.`,
      );
    await wait(LOOK_MS);
  }
}

function describe(error: unknown): string {
  if (error instanceof Obstacle) return error.message;
  if (error instanceof Error && error.name === 'TimeoutError')
    return 'It took longer than writes may be held; nothing was changed.';
  return error instanceof Error ? error.message : String(error);
}
