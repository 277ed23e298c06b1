import { AsyncLocalStorage } from 'node:async_hooks';
import type { TenantName } from '../vocabulary/index.ts';
import type { Prisma } from './generated/client.ts';
import type { TenantTransaction } from './transaction.ts';
import { type Engine, guard, runUndone, type Work } from './within.ts';

/** What a handler is given: its tenant, and the only way to the tenant's rows. */
export type TenantStore = Readonly<{
  tenant: TenantName;
  within<T>(work: Work<T>): Promise<T>;
}>;

/**
 * Runs a handler whose every `within` joins ONE transaction that is undone at the end. Each stands between savepoints, so that an
 * error inside one undoes that one, as it would have in earnest.
 */
export function runRehearsal<T>(
  engine: Engine,
  tenant: TenantName,
  handler: string,
  run: (scope: TenantStore) => Promise<T>,
): Promise<T> {
  return runUndone(engine, tenant, (raw, found) => {
    const inside = joinBySavepoints(raw, guard(engine, raw, found, handler));
    return run(Object.freeze({ tenant, within: inside }));
  });
}

function joinBySavepoints(raw: Prisma.TransactionClient, tx: TenantTransaction): TenantStore['within'] {
  // One connection: withins that a handler starts side by side must take turns. One inside another must not wait for its turn.
  const entered = new AsyncLocalStorage<true>();
  let last: Promise<unknown> = Promise.resolve();
  let count = 0;
  const enter = <T>(work: Work<T>): Promise<T> => {
    count += 1;
    return entered.run(true, () => betweenSavepoints(raw, `step_${count}`, () => work(tx)));
  };
  return (work) => {
    if (entered.getStore()) return enter(work);
    const turn = last.then(() => enter(work));
    last = turn.catch(() => undefined);
    return turn;
  };
}

async function betweenSavepoints<T>(
  raw: Prisma.TransactionClient,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  await raw.$executeRawUnsafe(`SAVEPOINT ${name}`);
  try {
    const result = await work();
    await raw.$executeRawUnsafe(`RELEASE SAVEPOINT ${name}`);
    return result;
  } catch (error) {
    // Where this fails the connection is gone and every later statement says so; the work's own error tells more.
    await raw.$executeRawUnsafe(`ROLLBACK TO SAVEPOINT ${name}`).catch(() => undefined);
    throw error;
  }
}
