import pg from 'pg';
import type { TenantId, TenantName } from '../vocabulary/index.ts';
import { TenantUnknown } from './errors.ts';
import { readTenantTables, type TenantTable } from './tenant-tables.ts';

/**
 * Gives one tenant partitions of its own, in one transaction. Answers the partitions made; none where it has them already.
 * The whole store waits while the rows move, because PostgreSQL looks through the shared partitions to be sure that none stayed:
 * do it before the tenant's data are moved in, or at night. `lockTimeoutMs` (default 5 s) is how long it waits for a quiet moment.
 */
export function isolateTenant(
  ownerUrl: string,
  tenant: TenantName,
  limits: { readonly lockTimeoutMs: number } = { lockTimeoutMs: 5_000 },
): Promise<readonly string[]> {
  return rearrange(ownerUrl, tenant, limits.lockTimeoutMs, async (client, id, tables) => {
    const shared = await withoutOwnPartition(client, id, tables);
    for (const table of shared) await fillOwnPartition(client, id, table);
    for (const table of shared.toReversed())
      await client.query(`DELETE FROM ${table.place} WHERE tenant_id = ${id}`);
    for (const table of shared) {
      await client.query(
        `ALTER TABLE ${table.place} ATTACH PARTITION ${ownPartition(table, id)} FOR VALUES IN (${id})`,
      );
    }
    return shared.map((table) => ownPartition(table, id));
  });
}

/** The way back: puts a giant's rows among the others' again. Answers the partitions that are gone. */
export function shareTenant(
  ownerUrl: string,
  tenant: TenantName,
  limits: { readonly lockTimeoutMs: number } = { lockTimeoutMs: 5_000 },
): Promise<readonly string[]> {
  return rearrange(ownerUrl, tenant, limits.lockTimeoutMs, async (client, id, tables) => {
    const shared = await withoutOwnPartition(client, id, tables);
    const own = tables.filter((table) => !shared.includes(table));
    for (const table of own.toReversed()) await detachOwnPartition(client, id, table);
    for (const table of own) {
      await client.query(
        `INSERT INTO ${table.place} OVERRIDING SYSTEM VALUE SELECT * FROM ${ownPartition(table, id)}`,
      );
      await client.query(`DROP TABLE ${ownPartition(table, id)}`);
    }
    return own.map((table) => ownPartition(table, id));
  });
}

type Rearrangement = (
  client: pg.Client,
  id: TenantId,
  tables: readonly TenantTable[],
) => Promise<readonly string[]>;

async function rearrange(
  ownerUrl: string,
  tenant: TenantName,
  lockTimeoutMs: number,
  change: Rearrangement,
): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'banyan partitions' });
  await client.connect();
  try {
    const id = await findTenantId(client, tenant);
    const tables = await readTenantTables(client);
    // All locks at once and in one order: taken step by step they could cross a running transaction's. The tenant is set, because the
    // policies are forced on the owner, too.
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${Math.trunc(lockTimeoutMs)};
      SET LOCAL plan_cache_mode = force_generic_plan;
      SELECT set_config('banyan.tenant_id', '${id}', true), set_config('banyan.note', 'copy', true);
      LOCK TABLE ${tables.map((table) => table.place).join(', ')} IN ACCESS EXCLUSIVE MODE`);
    const changed = await change(client, id, tables);
    await client.query('COMMIT');
    return changed;
  } finally {
    await client.end();
  }
}

async function findTenantId(client: pg.Client, tenant: TenantName): Promise<TenantId> {
  const { rows } = await client.query<{ id: TenantId }>('SELECT id FROM public.tenant WHERE name = $1', [
    tenant,
  ]);
  if (!rows[0]) throw new TenantUnknown(tenant);
  return rows[0].id;
}

async function withoutOwnPartition(
  client: pg.Client,
  id: TenantId,
  tables: readonly TenantTable[],
): Promise<readonly TenantTable[]> {
  const { rows } = await client.query<{ place: string }>(
    `SELECT wish AS place FROM unnest($1::text[]) wish WHERE to_regclass(wish) IS NULL`,
    [tables.map((table) => ownPartition(table, id))],
  );
  const missing = new Set(rows.map((row) => row.place));
  return tables.filter((table) => missing.has(ownPartition(table, id)));
}

// Filled before it is attached: the indexes are then built once, over all rows.
async function fillOwnPartition(client: pg.Client, id: TenantId, table: TenantTable): Promise<void> {
  const own = ownPartition(table, id);
  await client.query(
    `CREATE TABLE ${own} (LIKE ${table.place} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)`,
  );
  await client.query(`SELECT banyan.fence('${own}')`);
  await client.query(`INSERT INTO ${own} SELECT * FROM ${table.place} WHERE tenant_id = ${id}`);
}

// A detached partition keeps the parent's foreign keys as its own, and they would hold the rows that it refers to.
async function detachOwnPartition(client: pg.Client, id: TenantId, table: TenantTable): Promise<void> {
  const own = ownPartition(table, id);
  await client.query(`ALTER TABLE ${table.place} DETACH PARTITION ${own}`);
  const { rows } = await client.query<{ conname: string }>(
    "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'f' AND conparentid = 0",
    [own],
  );
  for (const { conname } of rows)
    await client.query(`ALTER TABLE ${own} DROP CONSTRAINT ${pg.escapeIdentifier(conname)}`);
}

function ownPartition(table: TenantTable, id: TenantId): string {
  return `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(`${table.name}_t${id}`)}`;
}
