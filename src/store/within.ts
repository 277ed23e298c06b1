import type pg from 'pg';
import type { Emit, TenantName } from '../vocabulary/index.ts';
import { openingFor } from './adapter.ts';
import { isStartTimeout, isWriteConflict } from './database-errors.ts';
import { StoreUnavailable, TenantUnknown } from './errors.ts';
import type { Prisma, PrismaClient } from './generated/client.ts';
import type { Moments } from './moments.ts';
import { type Opening, openInEarnest } from './opening.ts';
import type { Shares } from './shares.ts';
import type { Tenant, Tenants } from './tenants.ts';
import { guardTransaction, type TakeId, type TenantTransaction, takeId } from './transaction.ts';

export type Work<T> = (tx: TenantTransaction) => Promise<T>;

/** What every way in needs. */
export type Engine = Readonly<{
  prisma: PrismaClient;
  /** For what is asked beside a tenant's transaction. */
  control: pg.Pool;
  /** Who may use how many connections. */
  shares: Shares;
  tenants: Tenants;
  moments: Moments;
  emit: Emit;
  onUnscoped: 'refuse' | 'count';
}>;

// Longer than the pool's own wait and than the role's statement_timeout: those end a wait with a better reason.
const LIMITS = { maxWait: 5_000, timeout: 30_000 } as const;
export const ATTEMPTS = 3;

/** Runs `work` in one transaction of one tenant. Repeated only where PostgreSQL itself asks for it (40001, 40P01). */
export async function runWithin<T>(
  engine: Engine,
  name: TenantName,
  handler: string,
  work: Work<T>,
): Promise<T> {
  const tenant = await findTenant(engine, name);
  for (let attempt = 1; ; attempt += 1) {
    const leave = await engine.shares.take(nameFeature(handler));
    try {
      return await openTransaction(engine, openInEarnest(tenant.id), (raw) => {
        const take: TakeId = (table) => takeId(raw, tenant.id, table);
        return work(guard(engine, raw, tenant, handler, take));
      }).finally(leave);
    } catch (error) {
      if (!isWriteConflict(error)) throw error;
      if (attempt === ATTEMPTS) throw new StoreUnavailable(error, { reason: 'conflict' });
      await pause(attempt);
    }
  }
}

/** Handlers are called `chat/messages`: the feature, and what they do. */
const nameFeature = (handler: string) => handler.split('/', 1)[0] ?? handler;

/** The same, begun in its own way, and then everything is undone, whatever became of it. */
export async function runUndone<T>(
  engine: Engine,
  opening: Opening,
  run: (raw: Prisma.TransactionClient) => Promise<T>,
): Promise<T> {
  const undo = new Undo<T>();
  try {
    return await openTransaction(engine, opening, async (raw) => {
      undo.result = { value: await run(raw) };
      throw undo;
    });
  } catch (error) {
    if (error === undo && undo.result) return undo.result.value;
    throw error;
  }
}

export function guard(
  engine: Engine,
  raw: Prisma.TransactionClient,
  tenant: Tenant,
  handler: string,
  takeId: TakeId,
): TenantTransaction {
  const { emit, onUnscoped } = engine;
  return guardTransaction(raw, { tenant: tenant.id, handler, onUnscoped, emit, takeId });
}

async function openTransaction<T>(
  engine: Engine,
  opening: Opening,
  run: (raw: Prisma.TransactionClient) => Promise<T>,
): Promise<T> {
  let committing = false;
  const runToTheEnd = async (raw: Prisma.TransactionClient): Promise<T> => {
    const result = await run(raw);
    committing = true;
    return result;
  };
  try {
    return await openingFor.run(opening, () => engine.prisma.$transaction(runToTheEnd, LIMITS));
  } catch (error) {
    if (committing && error instanceof StoreUnavailable && error.reason === 'unreachable') {
      throw new StoreUnavailable(error.cause, { mayHaveWritten: true });
    }
    throw isStartTimeout(error) ? new StoreUnavailable(error, { reason: 'crowded' }) : error;
  }
}

export async function findTenant(engine: Engine, name: TenantName): Promise<Tenant> {
  const tenant = await engine.tenants.find(name);
  if (!tenant) throw new TenantUnknown(name);
  return tenant;
}

/** Thrown through Prisma to make it roll back; carries the result past it. */
class Undo<T> extends Error {
  result: { readonly value: T } | undefined;
}

export function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, attempt * (5 + Math.random() * 20)));
}
