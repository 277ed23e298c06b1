import type pg from 'pg';
import type { TenantId, TenantName } from '../vocabulary/index.ts';
import { enterTenant, SET_MANNERS } from './archive-session.ts';
import type { ArchiveTable, TableGroup } from './archive-tables.ts';
import { codeOf } from './database-errors.ts';

const BATCH_ROWS = 2_000;

type Counted = (table: string, rows: number | null) => void;

/** Deletes a tenant's rows of one table, batch by batch in the order of its key. */
export async function emptyTable(
  client: pg.ClientBase,
  tenant: TenantId,
  table: ArchiveTable,
  counted: Counted,
): Promise<void> {
  let from: readonly string[] | undefined;
  do {
    from = await inShort(client, tenant, () => deleteBatch(client, tenant, table, from, counted));
  } while (from !== undefined);
}

/** Those after `from`, so that what was deleted before is not looked at again. Answers the last one's key where there may be more. */
async function deleteBatch(
  client: pg.ClientBase,
  tenant: TenantId,
  { name, place, keys }: ArchiveTable,
  from: readonly string[] | undefined,
  counted: Counted,
): Promise<readonly string[] | undefined> {
  const ours = `${place} WHERE tenant_id = ${Number(tenant)}${compareKeys(keys, '>', from)}`;
  const bound = keys.length === 0 ? undefined : await findBound(client, ours, keys);
  const { rowCount } = await client.query(`DELETE FROM ${ours}${compareKeys(keys, '<=', bound)}`);
  counted(name, rowCount);
  return bound;
}

/** The key of the batch's last row, as literals; undefined where there are fewer rows. */
async function findBound(
  client: pg.ClientBase,
  ours: string,
  keys: readonly string[],
): Promise<readonly string[] | undefined> {
  const { rows } = await client.query<{ key: string[] }>(
    `SELECT ARRAY[${keys.map((key) => `quote_literal(${key})`).join(', ')}] AS key FROM ${ours}
     ORDER BY ${keys.join(', ')} OFFSET ${BATCH_ROWS - 1} LIMIT 1`,
  );
  return rows[0]?.key;
}

function compareKeys(
  keys: readonly string[],
  sign: '>' | '<=',
  literals: readonly string[] | undefined,
): string {
  return literals === undefined ? '' : ` AND (${keys.join(', ')}) ${sign} (${literals.join(', ')})`;
}

/** Takes the tenant out of the registry, and what the gateway's own tables say of it. Answers false where rows have come again. */
export async function endTenant(
  client: pg.ClientBase,
  { id, name }: Readonly<{ id: TenantId; name: TenantName }>,
  groups: readonly TableGroup[],
): Promise<boolean> {
  try {
    await inShort(client, id, async () => {
      for (const sql of [
        'banyan.tenure',
        'banyan.row_proof',
        'banyan.outbox_tenant',
        'banyan.leaving_tenant',
      ])
        await client.query(`DELETE FROM ${sql} WHERE tenant = $1`, [id]);
      await client.query('DELETE FROM banyan.ended_session WHERE tenant = $1', [name]);
      await client.query(
        `WITH gone AS (DELETE FROM banyan.shadow_sample WHERE tenant = $1 RETURNING day, id)
         DELETE FROM banyan.shadow_place p USING gone g WHERE p.day = g.day AND p.sample_id = g.id`,
        [name],
      );
      await client.query('DELETE FROM public.tenant WHERE id = $1', [id]);
      for (const { tables } of groups) for (const { place } of tables) await expectNone(client, place, id);
    });
    return true;
  } catch (error) {
    if (error instanceof RowsLeft || codeOf(error) === '23503') return false;
    throw error;
  }
}

class RowsLeft extends Error {}

async function expectNone(client: pg.ClientBase, place: string, tenant: TenantId): Promise<void> {
  const { rowCount } = await client.query(`SELECT FROM ${place} WHERE tenant_id = $1 LIMIT 1`, [tenant]);
  if (rowCount !== 0) throw new RowsLeft(place);
}

export async function inShort<T>(
  client: pg.ClientBase,
  tenant: TenantId,
  work: () => Promise<T>,
): Promise<T> {
  // Foreign keys are planned once. What somebody holds for long is no reason to keep others waiting behind this one.
  await client.query(
    `BEGIN; ${SET_MANNERS}; SET LOCAL lock_timeout = '5s'; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off`,
  );
  try {
    await enterTenant(client, tenant);
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
