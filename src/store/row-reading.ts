import type pg from 'pg';
import { parsePosition, printPosition, type RowChange, type TenantId } from '../vocabulary/index.ts';
import { askInside } from './ask.ts';
import type { TurnClient } from './turn-client.ts';

/** A change as the journal's readers print it; `c` is banyan.row_change. */
export const PRINTED_CHANGE = `
  c.table_name AS "table", c.change, c.key::text AS key,
  banyan.print_image(COALESCE(c.after, c.before), CASE WHEN c.change = 'delete' THEN
    ARRAY(SELECT attname::text FROM pg_attribute
      WHERE attrelid = to_regclass(c.table_name) AND atttypid = 'bytea'::regtype AND NOT attisdropped)
    ELSE '{}' END)::text AS row`;

/** What the rehearsal in this transaction has written and not undone itself. */
export async function readRehearsedRows(client: TurnClient, tenant: TenantId): Promise<readonly RowChange[]> {
  const rows = await client.$queryRawUnsafe<RowChange[]>(
    `SELECT ${PRINTED_CHANGE} FROM banyan.row_change c WHERE c.tenant_id = $1 AND c.position IS NULL ORDER BY c.id`,
    tenant,
  );
  return rows.map(freezeChange);
}

/** Whether legacy's changes to this tenant have arrived since this transaction began. */
export async function hasMoved(control: pg.Pool, client: TurnClient, tenant: TenantId): Promise<boolean> {
  const [seen] = await client.$queryRawUnsafe<{ position: string }[]>(
    `SELECT p.position::text FROM banyan.followed_tenant f JOIN banyan.follow_position p USING (slot) WHERE f.tenant_id = $1`,
    tenant,
  );
  const position = parsePosition(seen?.position ?? '');
  if (position === undefined) return false;
  const later = `c.tenant_id = ${Number(tenant)} AND c.position > '${printPosition(position)}'`;
  const [now] = await askInside<{ moved: boolean }>(
    control,
    tenant,
    `SELECT EXISTS (SELECT FROM banyan.row_change c WHERE ${later}) AS moved`,
  );
  return now?.moved === true;
}

export function freezeChange({ table, change, key, row }: RowChange): RowChange {
  return Object.freeze({ table, change, key, row });
}
