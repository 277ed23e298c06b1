import type pg from 'pg';
import { parseTenantId, type TenantId, type TenantName } from '../vocabulary/index.ts';
import type { FittedTable } from './archive-fit.ts';
import type { ArchiveHeader } from './archive-format.ts';
import { enterTenant, REGISTERED, type Registered } from './archive-session.ts';
import { StoreRefusal } from './errors.ts';

export type RestoredTenant = Readonly<{ id: TenantId; name: TenantName }>;

/** Numbers of tenants are legacy's. One that is chosen here must not be that of a tenant whom legacy gets tomorrow. */
const OWN_NUMBERS_FROM = 1_000_000_000;

/** The tenant that the rows will be of, known to nobody else before the end. Its line is locked: nobody hangs rows on it meanwhile. */
export async function registerTenant(
  client: pg.ClientBase,
  { tenant }: ArchiveHeader,
  as: TenantName | undefined,
): Promise<RestoredTenant> {
  const name = as ?? tenant.name;
  const known = (await client.query<Registered>(`${REGISTERED} WHERE name = $1 FOR UPDATE`, [name])).rows[0];
  if (known !== undefined) return { id: await useRegistered(client, known), name };
  const id = await chooseNumber(client, tenant, as);
  await client.query('INSERT INTO public.tenant (id, name, created_at) VALUES ($1, $2, $3)', [
    id,
    name,
    tenant.createdAt,
  ]);
  return { id, name };
}

/** One that was registered, and has no rows yet: nobody may be about to write some. */
async function useRegistered(
  client: pg.ClientBase,
  { id, name, isLeaving, isArriving }: Registered,
): Promise<TenantId> {
  if (isLeaving)
    throw new StoreRefusal([`${name} is being deleted. Finish it first: banyan tenants delete ${name}`]);
  if (isArriving)
    throw new StoreRefusal([
      `${name} is being copied from legacy. Finish that (banyan follow), or delete it first: banyan tenants delete ${name}`,
    ]);
  await enterTenant(client, id);
  const { rows } = await client.query<{ is_followed: boolean; is_moved: boolean }>(
    `SELECT EXISTS (SELECT FROM banyan.followed_tenant WHERE tenant_id = $1) AS is_followed,
       EXISTS (SELECT FROM banyan.tenure t JOIN banyan.move m USING (feature) WHERE t.tenant = $1 AND m.state <> 'retired') AS is_moved`,
    [id],
  );
  if (rows[0]?.is_followed || rows[0]?.is_moved)
    throw new StoreRefusal([
      `${name} follows legacy's rows, or is being moved: rows from an archive would part it from legacy. Restore it under another name: --as NAME`,
    ]);
  return id;
}

async function chooseNumber(
  client: pg.ClientBase,
  { id, name }: ArchiveHeader['tenant'],
  as: TenantName | undefined,
): Promise<TenantId> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtext('banyan tenants'))`);
  const { rows } = await client.query<{ holder: string | null; own: number }>(
    `SELECT (SELECT name FROM public.tenant WHERE id = $1) AS holder,
       (SELECT GREATEST(max(id) + 1, ${OWN_NUMBERS_FROM}) FROM public.tenant) AS own`,
    [id],
  );
  const { holder = null, own } = rows[0] ?? {};
  if (holder === null) return id;
  const free = parseTenantId(own);
  if (as !== undefined && free !== undefined) return free;
  throw new StoreRefusal([
    `${name} has the number ${id}, which is ${holder}'s here. Restore it under a number of its own: --as ${name}`,
  ]);
}

export async function refuseRows(
  client: pg.ClientBase,
  { name, place }: FittedTable,
  tenant: RestoredTenant,
): Promise<void> {
  const { rowCount } = await client.query(`SELECT FROM ${place} WHERE tenant_id = $1 LIMIT 1`, [tenant.id]);
  if (rowCount !== 0)
    throw new StoreRefusal([
      `${tenant.name} is here already, with rows in ${name}. Restore it under another name (--as NAME), or delete it first: banyan tenants delete ${tenant.name}`,
    ]);
}

/** A tenant that followed legacy may have been exported before its counters were brought up to its rows. */
export async function raiseCounters(
  client: pg.ClientBase,
  tables: readonly FittedTable[],
  tenant: TenantId,
): Promise<void> {
  for (const { place, counted } of tables) {
    if (counted === undefined) continue;
    await client.query(
      `INSERT INTO banyan.id_counter AS c (tenant_id, table_name, last_id)
       SELECT $1, $2, max(id) FROM ${place} WHERE tenant_id = $1 HAVING max(id) > 0
       ON CONFLICT (tenant_id, table_name) DO UPDATE SET last_id = EXCLUDED.last_id WHERE c.last_id < EXCLUDED.last_id`,
      [tenant, counted],
    );
  }
}
