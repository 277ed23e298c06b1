import type pg from 'pg';
import {
  type MoveLook,
  type MoveStanding,
  type ProofRecord,
  type ProofState,
  parseFeatureName,
  parseTenantId,
} from '../vocabulary/index.ts';
import { ask } from './ask.ts';
import { ORDER_COLUMNS, type OrderRow, readOrder } from './move-book.ts';

type StandingRow = Readonly<{
  tenant: number;
  feature: string;
  lines: number;
  oldest_ms: number;
  strangers: number;
}>;

type ProofRow = Readonly<{
  tenant: number;
  feature: string;
  checked_at: Date;
  state: string;
  rows: number | null;
  detail: string;
}>;

/** How moves stand; one statement each, however many tenants there are. */
export function openMoveLook(pool: pg.Pool): MoveLook {
  return {
    standings: async () =>
      (
        await ask<StandingRow>(
          pool,
          `SELECT tenant, feature, sum(lines)::int AS lines, max(oldest_ms) AS oldest_ms, sum(strangers)::int AS strangers
           FROM banyan.look_at_moves() GROUP BY tenant, feature`,
        )
      ).flatMap(readStanding),
    async apart(tables) {
      const rows = await ask<{ tenant: number; apart: string[] }>(
        pool,
        'SELECT * FROM banyan.look_for_apart($1)',
        [tables],
      );
      return rows.flatMap(({ tenant: id, apart }) => {
        const tenant = parseTenantId(id);
        return tenant === undefined ? [] : [{ tenant, tables: apart }];
      });
    },
    async lastOrders() {
      const rows = await ask<OrderRow>(
        pool,
        `SELECT o.* FROM banyan.move m CROSS JOIN public.tenant t CROSS JOIN LATERAL
           (SELECT ${ORDER_COLUMNS} FROM banyan.move_order
            WHERE move_order.feature = m.feature AND move_order.tenant = t.id ORDER BY move_order.id DESC LIMIT 1) o
         ORDER BY o.id::bigint`,
      );
      return rows.flatMap(readOrder);
    },
    proofs: async () =>
      (
        await ask<ProofRow>(
          pool,
          'SELECT tenant, feature, checked_at, state, rows::float8 AS rows, detail FROM banyan.row_proof',
        )
      ).flatMap(readProof),
  };
}

function readStanding(row: StandingRow): readonly MoveStanding[] {
  const [tenant, feature] = [parseTenantId(row.tenant), parseFeatureName(row.feature)];
  if (tenant === undefined || feature === undefined) return [];
  const { lines, oldest_ms: oldestMs, strangers } = row;
  return [{ tenant, feature, waiting: { lines, oldestMs }, strangers }];
}

function readProof(row: ProofRow): readonly ProofRecord[] {
  const [tenant, feature] = [parseTenantId(row.tenant), parseFeatureName(row.feature)];
  if (tenant === undefined || feature === undefined) return [];
  const { checked_at: checkedAt, state, rows, detail } = row;
  return [{ tenant, feature, checkedAt, state: state as ProofState, rows: rows ?? undefined, detail }];
}
