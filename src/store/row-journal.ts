import pg from 'pg';
import {
  type LegacyTransaction,
  type Position,
  parsePosition,
  printPosition,
  type RowChange,
  type RowJournal,
  type RowStanding,
  type TenantId,
} from '../vocabulary/index.ts';
import { askInside } from './ask.ts';
import { freezeChange, PRINTED_CHANGE } from './row-reading.ts';
import type { Tenants } from './tenants.ts';

export function openRowJournal(pool: pg.Pool, tenants: Tenants): RowJournal {
  return {
    standing: async (name, tables) => {
      const tenant = await tenants.find(name);
      return tenant ? findStanding(pool, tenant.id, tables) : 'not_followed';
    },
    between: async (name, after, upTo) => {
      const tenant = await tenants.find(name);
      return tenant ? readBetween(pool, tenant.id, after, upTo) : [];
    },
  };
}

async function findStanding(
  pool: pg.Pool,
  tenant: TenantId,
  tables: readonly string[],
): Promise<RowStanding> {
  const named = tables.length > 0 ? `AND table_name IN (${tables.map(pg.escapeLiteral).join(', ')})` : '';
  const [row] = await askInside<{ followed: boolean; apart: boolean }>(
    pool,
    tenant,
    `SELECT EXISTS (SELECT FROM banyan.followed_tenant WHERE tenant_id = ${tenant}) AS followed,
       EXISTS (SELECT FROM banyan.row_standing WHERE tenant_id = ${tenant} ${named})
       OR EXISTS (SELECT FROM banyan.tenure t JOIN banyan.move m USING (feature) CROSS JOIN unnest(m.tables) AS owned (table_name)
         WHERE t.tenant = ${tenant} AND t.owner = 'new' ${named}) AS apart`,
  );
  if (!row?.followed) return 'not_followed';
  return row.apart ? 'apart' : 'followed';
}

async function readBetween(
  pool: pg.Pool,
  tenant: TenantId,
  after: Position,
  upTo: Position,
): Promise<readonly LegacyTransaction[]> {
  const rows = await askInside<RowChange & { position: string }>(
    pool,
    tenant,
    `SELECT c.position::text AS position, ${PRINTED_CHANGE} FROM banyan.row_change c
     WHERE c.tenant_id = ${tenant} AND c.position > '${printPosition(after)}' AND c.position <= '${printPosition(upTo)}' ORDER BY c.id`,
  );
  const byPosition = Map.groupBy(rows, (row) => row.position);
  return [...byPosition].flatMap(([text, changes]) => {
    const position = parsePosition(text);
    return position === undefined
      ? []
      : [Object.freeze({ position, rows: Object.freeze(changes.map(freezeChange)) })];
  });
}
