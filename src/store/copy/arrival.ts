import pg from 'pg';
import type { TenantId } from '../../vocabulary/index.ts';
import { undo } from './copy-run.ts';
import type { LegacyTenant } from './legacy-moment.ts';

/** How far a table of an arriving tenant has come. `lastKey`: undefined where all of it has arrived. */
export type ArrivedTable = Readonly<{ rows: number; lastKey: readonly string[] | undefined }>;

/** From here on the tenant is in the registry, and nobody sees it. Answers what an earlier run has brought, by table. */
export async function beginArrival(
  client: pg.ClientBase,
  { id, name }: LegacyTenant,
): Promise<ReadonlyMap<string, ArrivedTable>> {
  await client.query('BEGIN');
  try {
    await client.query('INSERT INTO public.tenant (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      id,
      name,
    ]);
    await client.query('INSERT INTO banyan.arriving_tenant (tenant) VALUES ($1) ON CONFLICT DO NOTHING', [
      id,
    ]);
    const { rows } = await client.query<{ table_name: string; rows: number; last_key: string[] | null }>(
      'SELECT table_name, rows::float8 AS rows, last_key FROM banyan.arriving_table WHERE tenant = $1',
      [id],
    );
    await client.query('COMMIT');
    return new Map(
      rows.map((row) => [row.table_name, { rows: row.rows, lastKey: row.last_key ?? undefined }]),
    );
  } catch (error) {
    await undo(client);
    throw error;
  }
}

/** Together with the rows themselves. */
export function noteArrival(
  tenant: TenantId,
  table: string,
  { rows, lastKey }: ArrivedTable,
  manner: 'more' | 'anew',
): string {
  const key = lastKey === undefined ? 'NULL' : `ARRAY[${lastKey.map(pg.escapeLiteral).join(', ')}]::text[]`;
  const sum = manner === 'more' ? 'a.rows + EXCLUDED.rows' : 'EXCLUDED.rows';
  return `INSERT INTO banyan.arriving_table AS a (tenant, table_name, rows, last_key)
    VALUES (${Number(tenant)}, ${pg.escapeLiteral(table)}, ${rows}, ${key})
    ON CONFLICT (tenant, table_name) DO UPDATE SET rows = ${sum}, last_key = EXCLUDED.last_key`;
}

/** The last word of the transaction that makes the tenant whole. Throws where somebody has taken it away meanwhile. */
export async function endArrival(client: pg.ClientBase, tenant: TenantId): Promise<void> {
  const { rowCount } = await client.query('DELETE FROM banyan.arriving_tenant WHERE tenant = $1', [tenant]);
  if (rowCount !== 1) throw new Error(`Tenant ${tenant} is not arriving any more.`);
}
