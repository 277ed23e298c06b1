import { AsyncLocalStorage } from 'node:async_hooks';
import { printPosition, type RowChange, type TenantName } from '../vocabulary/index.ts';
import { isKeyConflict, isLockTimeout, isWriteConflict } from './database-errors.ts';
import { StateUnreachable } from './errors.ts';
import { openRehearsal, type RehearsalWish } from './opening.ts';
import { RehearsedIds } from './rehearsed-ids.ts';
import { hasMoved, readRehearsedRows } from './row-reading.ts';
import type { Tenant } from './tenants.ts';
import type { TenantTransaction } from './transaction.ts';
import type { TurnClient } from './turn-client.ts';
import { ATTEMPTS, type Engine, findTenant, guard, pause, takePlace, type Work } from './within.ts';

/** What a handler is given: its tenant, and the only way to the tenant's rows. */
export type TenantStore = Readonly<{
  tenant: TenantName;
  within<T>(work: Work<T>): Promise<T>;
}>;

/** What came of it, and what it wrote, in order; nothing of that is in the store. */
export type Rehearsed<T> = Readonly<{ result: T; rows: readonly RowChange[] }>;

/**
 * Runs a handler whose every `within` joins ONE transaction that is undone at the end. Each stands between savepoints, so that an
 * error inside one undoes that one, as it would have in earnest. Throws StateUnreachable where the wished state cannot be had, or where
 * somebody else's write has come between.
 */
export async function runRehearsal<T>(
  engine: Engine,
  name: TenantName,
  handler: string,
  wish: RehearsalWish,
  run: (scope: TenantStore) => Promise<T>,
): Promise<Rehearsed<T>> {
  const tenant = await findTenant(engine, name);
  for (let attempt = 1; ; attempt += 1) {
    let begun = false;
    const leave = await takePlace(engine);
    try {
      const snapshot = attempt === 1 ? findMoment(engine, wish) : undefined;
      return await engine.lanes.run(openRehearsal(tenant.id, wish, snapshot), 'undo', (client) => {
        begun = true;
        return runInside(engine, client, tenant, handler, wish, run);
      });
    } catch (error) {
      // Only the way back is gone again: a handler runs once. Whoever holds a lock for so long is not done a moment later.
      const isMoving =
        error instanceof StateUnreachable && error.reason === 'in_motion' && !isLockTimeout(error.cause);
      if (begun || !isMoving || attempt === ATTEMPTS) throw error;
    } finally {
      leave();
    }
    await pause(attempt);
  }
}

/**
 * For reading only: keys that were taken since would collide with what is written, seen or not. Not at the second try: what a held
 * moment shows may have been changed since, and cannot be taken back then.
 */
function findMoment({ moments }: Engine, { at, manner }: RehearsalWish): string | undefined {
  return at && manner === 'read_only' ? moments.find(at.position) : undefined;
}

async function runInside<T>(
  engine: Engine,
  client: TurnClient,
  tenant: Tenant,
  handler: string,
  { at, manner }: RehearsalWish,
  run: (scope: TenantStore) => Promise<T>,
): Promise<Rehearsed<T>> {
  const ids = new RehearsedIds(client, tenant.id, at?.nextIds ?? {});
  const position = at && printPosition(at.position);
  const tx = guard(engine, client, tenant, handler, (table) => ids.take(table, position));
  const steps = new Steps(client, tx, ids);
  const ended = await settle(run(Object.freeze({ tenant: tenant.name, within: steps.enter })));
  // Whatever the handler made of it: a rehearsal that met another's write has shown nothing. Keys are looked up among all rows, those
  // that have come since this transaction began included.
  const { conflict, keyConflict } = steps;
  if (conflict !== undefined) throw new StateUnreachable('in_motion', conflict);
  if (keyConflict !== undefined && (await hasMoved(engine.control, client, tenant.id)))
    throw new StateUnreachable('in_motion', keyConflict);
  if (ended.kind === 'thrown') throw ended.error;
  const rows = manner === 'read_write' ? await readRehearsedRows(client, tenant.id) : [];
  return { result: ended.result, rows };
}

type Settled<T> = Readonly<{ kind: 'returned'; result: T }> | Readonly<{ kind: 'thrown'; error: unknown }>;

const settle = <T>(work: Promise<T>): Promise<Settled<T>> =>
  work.then(
    (result) => ({ kind: 'returned', result }),
    (error: unknown) => ({ kind: 'thrown', error }),
  );

/** The withins of one rehearsal. */
class Steps {
  readonly #client: TurnClient;
  readonly #tx: TenantTransaction;
  readonly #ids: RehearsedIds;
  // One connection: withins that a handler starts side by side must take turns. One inside another must not wait for its turn.
  readonly #entered = new AsyncLocalStorage<true>();
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;
  /** The first error by which PostgreSQL asked for a repetition, or said that another transaction holds what is needed. */
  conflict: unknown;
  keyConflict: unknown;

  constructor(client: TurnClient, tx: TenantTransaction, ids: RehearsedIds) {
    this.#client = client;
    this.#tx = tx;
    this.#ids = ids;
  }

  readonly enter = <T>(work: Work<T>): Promise<T> => {
    if (this.#entered.getStore()) return this.#step(work);
    const turn = this.#last.then(() => this.#step(work));
    this.#last = turn.catch(() => undefined);
    return turn;
  };

  #step<T>(work: Work<T>): Promise<T> {
    this.#count += 1;
    const name = `step_${this.#count}`;
    return this.#entered.run(true, () => this.#betweenSavepoints(name, work));
  }

  async #betweenSavepoints<T>(name: string, work: Work<T>): Promise<T> {
    const mark = this.#ids.mark();
    await this.#client.$executeRawUnsafe(`SAVEPOINT ${name}`);
    try {
      const result = await work(this.#tx);
      await this.#client.$executeRawUnsafe(`RELEASE SAVEPOINT ${name}`);
      return result;
    } catch (error) {
      if (isWriteConflict(error) || isLockTimeout(error)) this.conflict ??= error;
      if (isKeyConflict(error)) this.keyConflict ??= error;
      this.#ids.backTo(mark);
      // Where this fails the connection is gone and every later statement says so; the work's own error tells more.
      await this.#client.$executeRawUnsafe(`ROLLBACK TO SAVEPOINT ${name}`).catch(() => undefined);
      throw error;
    }
  }
}
