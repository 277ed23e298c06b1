import type pg from 'pg';
import {
  type Epoch,
  type MoveBook,
  type MoveOrder,
  type MoveOrderKind,
  type MoveOrderState,
  parseFeatureName,
  parseTenantId,
} from '../vocabulary/index.ts';
import { ask } from './ask.ts';

export type OrderRow = Readonly<{
  id: string;
  feature: string;
  tenant: number;
  order: string;
  author: string;
  at: Date;
  state: string;
  detail: string | null;
  held_ms: number | null;
  rows: string | null;
  ended_at: Date | null;
}>;

export const ORDER_COLUMNS =
  'id::text, feature, tenant, "order", author, at, state, detail, held_ms, rows::text, ended_at';

/** What operators and the reconciler ask of the mover. */
export function openMoveBook(pool: pg.Pool): MoveBook {
  const epochOf = async (sql: string, values: readonly unknown[]): Promise<Epoch | undefined> => {
    const [row] = await ask<{ epoch: string }>(pool, sql, values);
    return row === undefined ? undefined : Number(row.epoch);
  };
  return {
    async begin(feature, tables) {
      const epoch = await epochOf(
        `INSERT INTO banyan.move (feature, tables, state, epoch) VALUES ($1, $2, 'moving', banyan.next_epoch())
         ON CONFLICT (feature) DO UPDATE SET tables = EXCLUDED.tables, state = 'moving', epoch = EXCLUDED.epoch
         RETURNING epoch::text`,
        [feature, tables],
      );
      return epoch ?? 0;
    },
    change: (feature, state) =>
      epochOf(
        `UPDATE banyan.move SET state = $2, epoch = banyan.next_epoch() WHERE feature = $1 RETURNING epoch::text`,
        [feature, state],
      ),
    async order({ feature, tenant, order, author }) {
      const [row] = await ask<OrderRow>(
        pool,
        `INSERT INTO banyan.move_order (feature, tenant, "order", author) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, feature) WHERE state IN ('waiting', 'running') DO NOTHING RETURNING ${ORDER_COLUMNS}`,
        [feature, tenant, order, author],
      );
      return row && readOrder(row)[0];
    },
    async orders(limit) {
      const rows = await ask<OrderRow>(
        pool,
        `(SELECT ${ORDER_COLUMNS} FROM banyan.move_order WHERE state IN ('waiting', 'running') ORDER BY move_order.id)
         UNION ALL
         (SELECT ${ORDER_COLUMNS} FROM banyan.move_order WHERE state IN ('done', 'failed') ORDER BY ended_at DESC LIMIT $1)`,
        [limit],
      );
      return rows.flatMap(readOrder);
    },
    async findOrder(id) {
      const rows = await ask<OrderRow>(pool, `SELECT ${ORDER_COLUMNS} FROM banyan.move_order WHERE id = $1`, [
        id,
      ]);
      return rows.flatMap(readOrder)[0];
    },
  };
}

export function readOrder(row: OrderRow): readonly MoveOrder[] {
  const [tenant, feature] = [parseTenantId(row.tenant), parseFeatureName(row.feature)];
  if (tenant === undefined || feature === undefined) return [];
  return [
    Object.freeze({
      id: Number(row.id),
      feature,
      tenant,
      order: row.order as MoveOrderKind,
      author: row.author,
      at: row.at,
      state: row.state as MoveOrderState,
      detail: row.detail ?? undefined,
      heldMs: row.held_ms ?? undefined,
      rows: row.rows === null ? undefined : Number(row.rows),
      endedAt: row.ended_at ?? undefined,
    }),
  ];
}
