import pg from 'pg';
import type { TenantId, TenantName } from '../vocabulary/index.ts';
import { StoreRefusal } from './errors.ts';
import { PRINTING } from './printing.ts';
import { describeUnreachable } from './unreachable.ts';

// Someone may take long to read, or to send.
const MANNERS: Readonly<Record<string, string>> = {
  ...PRINTING,
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/** For a `BEGIN;` of several statements. */
export const SET_MANNERS = `SELECT ${Object.entries(MANNERS)
  .map(([name, value]) => `set_config('${name}', '${value}', true)`)
  .join(', ')}`;

/** One connection as the owner of the tables, closed whatever happens. Throws StoreRefusal where it cannot be had, or is lost. */
export async function openOwner(
  ownerUrl: string,
): Promise<Readonly<{ client: pg.Client; close(): Promise<void> }>> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: 'banyan tenants',
    keepAlive: true,
  });
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    throw new StoreRefusal([describeUnreachable(error, ownerUrl, 'DATABASE_OWNER_URL')]);
  });
  return { client, close: () => client.end().catch(() => undefined) };
}

export async function asOwner<T>(ownerUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { client, close } = await openOwner(ownerUrl);
  return work(client).finally(close);
}

/** The owner stands inside the fences, too. Until the transaction ends. `copy`: neither journal nor outbox hear of what is written. */
export async function enterTenant(client: pg.ClientBase, tenant: TenantId): Promise<void> {
  await client.query(
    "SELECT set_config('banyan.tenant_id', $1, true), set_config('banyan.note', 'copy', true)",
    [String(tenant)],
  );
}

export type Registered = Readonly<{
  id: TenantId;
  name: TenantName;
  createdAt: string;
  isLeaving: boolean;
  isArriving: boolean;
}>;

export const REGISTERED = `SELECT id, name, created_at::text AS "createdAt",
  EXISTS (SELECT FROM banyan.leaving_tenant l WHERE l.tenant = t.id) AS "isLeaving",
  EXISTS (SELECT FROM banyan.arriving_tenant a WHERE a.tenant = t.id) AS "isArriving" FROM public.tenant t`;

export async function findRegistered(
  client: pg.ClientBase,
  tenant: TenantName,
): Promise<Registered | undefined> {
  return (await client.query<Registered>(`${REGISTERED} WHERE name = $1`, [tenant])).rows[0];
}

export async function readMigrationNames(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT migration_name AS name FROM public._prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}
