import type pg from 'pg';
import type { TenantId, TenantName } from '../vocabulary/index.ts';
import { asOwner, enterTenant, findRegistered, REGISTERED, type Registered } from './archive-session.ts';
import { readTableGroups } from './archive-tables.ts';
import { TenantUnknown } from './errors.ts';
import { readTies, type Ties } from './leaving.ts';

export type TenantState = 'here' | 'arriving' | 'leaving';

export type ListedTenant = Readonly<{
  id: TenantId;
  name: TenantName;
  /** As PostgreSQL writes it. */
  createdAt: string;
  /** `arriving`: its copy was begun. `leaving`: its deletion was. */
  state: TenantState;
  partition: 'shared' | 'own';
  slot: string | undefined;
  ownedByNew: readonly string[];
}>;

/** A tenant and how many rows it has, table by table, the gateway's own about it included. */
export type CountedTenant = Readonly<{
  id: TenantId;
  name: TenantName;
  state: TenantState;
  ties: Ties;
  tables: readonly Readonly<{ name: string; rows: number }>[];
}>;

/** By number. What stands behind a fence is asked for tenant by tenant. */
export function listTenants(ownerUrl: string): Promise<readonly ListedTenant[]> {
  return asOwner(ownerUrl, async (client) => {
    await client.query("BEGIN READ ONLY; SET LOCAL TimeZone = 'UTC'");
    const { rows } = await client.query<Registered>(`${REGISTERED} ORDER BY id`);
    const giants = await listGiants(client);
    const listed: ListedTenant[] = [];
    for (const one of rows) {
      const { id, name, createdAt } = one;
      await enterTenant(client, id);
      const { slot, ownedByNew } = await readTies(client, id);
      const partition = giants.has(id) ? 'own' : 'shared';
      listed.push({
        id,
        name,
        createdAt,
        state: nameState(one),
        partition,
        slot,
        ownedByNew,
      });
    }
    return listed;
  });
}

/** Bytes that the product's tables take, without their indexes. */
export function measureTenants(ownerUrl: string): Promise<number> {
  return asOwner(ownerUrl, async (client) => {
    const { rows } = await client.query<{ bytes: number }>(
      `SELECT COALESCE(sum(pg_table_size(oid)), 0)::float8 AS bytes FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
    );
    return rows[0]?.bytes ?? 0;
  });
}

/** Throws TenantUnknown. */
export function countTenant(ownerUrl: string, tenant: TenantName): Promise<CountedTenant> {
  return asOwner(ownerUrl, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const found = await findRegistered(client, tenant);
    if (found === undefined) throw new TenantUnknown(tenant);
    const { id, name } = found;
    await enterTenant(client, id);
    const tables: CountedTenant['tables'][number][] = [];
    for (const table of (await readTableGroups(client)).flatMap((group) => group.tables))
      tables.push({ name: table.name, rows: await countRows(client, table.place, id) });
    return {
      id,
      name,
      state: nameState(found),
      ties: await readTies(client, id),
      tables: tables.filter(({ rows }) => rows > 0),
    };
  });
}

const nameState = ({ isLeaving, isArriving }: Registered): TenantState =>
  isLeaving ? 'leaving' : isArriving ? 'arriving' : 'here';

async function countRows(client: pg.ClientBase, place: string, tenant: TenantId): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${place} WHERE tenant_id = $1`,
    [tenant],
  );
  return rows[0]?.count ?? 0;
}

/** Who has partitions of their own, as src/store/giant.ts names them. */
async function listGiants(client: pg.ClientBase): Promise<ReadonlySet<number>> {
  const { rows } = await client.query<{ id: number }>(
    `SELECT DISTINCT substring(c.relname FROM '_t(\\d+)$')::int AS id FROM pg_class c
     JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent
     WHERE c.relispartition AND c.relname ~ '_t\\d{1,10}$' AND c.relname LIKE p.relname || '\\_t%'
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')`,
  );
  return new Set(rows.map(({ id }) => id));
}
