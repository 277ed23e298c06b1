import type pg from 'pg';
import type { Emit, TenantName } from '../vocabulary/index.ts';
import { isWriteConflict } from './database-errors.ts';
import { StoreUnavailable, TenantUnknown } from './errors.ts';
import type { Lanes } from './lanes.ts';
import type { Moments } from './moments.ts';
import { openInEarnest } from './opening.ts';
import type { Shares } from './shares.ts';
import type { Tenant, Tenants } from './tenants.ts';
import { guardTransaction, type TakeId, type TenantTransaction, takeId } from './transaction.ts';
import type { TurnClient } from './turn-client.ts';

export type Work<T> = (tx: TenantTransaction) => Promise<T>;

/** What every way in needs. */
export type Engine = Readonly<{
  lanes: Lanes;
  /** For what is asked beside a tenant's transaction. */
  control: pg.Pool;
  /** Who may use how many connections. */
  shares: Shares;
  tenants: Tenants;
  moments: Moments;
  emit: Emit;
  onUnscoped: 'refuse' | 'count';
}>;

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
    const leave = await takePlace(engine, nameFeature(handler));
    try {
      return await engine.lanes
        .run(openInEarnest(tenant.id), 'commit', (client) => {
          const take: TakeId = (table) => takeId(client, tenant.id, table);
          return work(guard(engine, client, tenant, handler, take));
        })
        .finally(leave);
    } catch (error) {
      if (!isWriteConflict(error)) throw error;
      if (attempt === ATTEMPTS) throw new StoreUnavailable(error, { reason: 'conflict' });
      await pause(attempt);
    }
  }
}

/** A connection's, and one of the feature's where it has one; told in either case. Answers how it is given back. */
export async function takePlace({ shares, emit }: Engine, feature?: string): Promise<() => void> {
  const wantedMs = performance.now();
  const tell = (outcome: 'served' | 'crowded') =>
    emit({ type: 'store_waited', outcome, waitedMs: performance.now() - wantedMs });
  try {
    const leave = await shares.take(feature);
    tell('served');
    return leave;
  } catch (error) {
    tell('crowded');
    throw error;
  }
}

/** Handlers are called `chat/messages`: the feature, and what they do. */
const nameFeature = (handler: string) => handler.split('/', 1)[0] ?? handler;

export function guard(
  engine: Engine,
  client: TurnClient,
  tenant: Tenant,
  handler: string,
  takeId: TakeId,
): TenantTransaction {
  const { emit, onUnscoped } = engine;
  return guardTransaction(client, { tenant: tenant.id, handler, onUnscoped, emit, takeId });
}

export async function findTenant(engine: Engine, name: TenantName): Promise<Tenant> {
  const tenant = await engine.tenants.find(name);
  if (!tenant) throw new TenantUnknown(name);
  return tenant;
}

export function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, attempt * (5 + Math.random() * 20)));
}
