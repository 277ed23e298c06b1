import type pg from 'pg';
import { parseTenantId, parseTenantName, type TenantId, type TenantName } from '../vocabulary/index.ts';
import { ask } from './ask.ts';

export type Tenant = Readonly<{ id: TenantId; name: TenantName }>;

export type Tenants = Readonly<{
  list(): Promise<readonly Tenant[]>;
  /** Cached: a new tenant is found within a second, a removed one is forgotten within half a minute. */
  find(name: TenantName): Promise<Tenant | undefined>;
  /** The same at once, from what is known now; looks again behind the scenes where that is old, or the name is new. */
  knows(name: TenantName): boolean;
  /** Its number, as far as it is known now. */
  idOf(name: TenantName): TenantId | undefined;
}>;

/** After this long no process knows a tenant any more that the registry does not name. */
export const FRESH_MS = 30_000;
// An unknown name asks again, but never more often: hosts are chosen by strangers.
const RETRY_MS = 1_000;

/** The registry is small and read by every request, so it is kept whole. */
export function openTenants(pool: pg.Pool): Tenants {
  let known: ReadonlyMap<TenantName, Tenant> = new Map();
  let loadedMs = Number.NEGATIVE_INFINITY;
  let loading: Promise<void> | undefined;

  const load = async () => {
    known = new Map((await readTenants(pool)).map((tenant) => [tenant.name, tenant]));
    loadedMs = performance.now();
  };
  const refresh = () => {
    loading ??= load().finally(() => {
      loading = undefined;
    });
    return loading;
  };
  const isStale = (name: TenantName) => {
    const ageMs = performance.now() - loadedMs;
    return ageMs > FRESH_MS || (ageMs > RETRY_MS && !known.has(name));
  };
  return {
    list: async () => {
      await refresh();
      return [...known.values()];
    },
    find: async (name) => {
      if (isStale(name)) await refresh();
      return known.get(name);
    },
    knows: (name) => {
      // A store that is away answers later, by failing; until then what was known holds.
      if (isStale(name)) refresh().catch(() => undefined);
      return known.has(name);
    },
    idOf: (name) => known.get(name)?.id,
  };
}

async function readTenants(pool: pg.Pool): Promise<readonly Tenant[]> {
  const rows = await ask<{ id: number; name: string }>(
    pool,
    `SELECT id, name FROM public.tenant t WHERE NOT EXISTS (SELECT FROM banyan.leaving_tenant l WHERE l.tenant = t.id)
       AND NOT EXISTS (SELECT FROM banyan.arriving_tenant a WHERE a.tenant = t.id) ORDER BY id`,
  );
  return rows.flatMap((row) => {
    const [id, name] = [parseTenantId(row.id), parseTenantName(row.name)];
    return id !== undefined && name !== undefined ? [Object.freeze({ id, name })] : [];
  });
}
