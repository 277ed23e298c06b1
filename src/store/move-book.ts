import type pg from 'pg';
import {
  type Epoch,
  type MoveBook,
  type MoveLimitWish,
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
  attempt: number;
  in_waves: boolean;
  wave: number | null;
  detail: string | null;
  held_ms: number | null;
  rows: string | null;
  ended_at: Date | null;
}>;

export const ORDER_COLUMNS =
  'id::text, feature, tenant, "order", author, at, state, attempt, in_waves, wave, detail, held_ms, rows::text, ended_at';

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
    change: (feature, state, why) =>
      epochOf(
        `UPDATE banyan.move SET state = $2, paused_why = $3, epoch = banyan.next_epoch(),
           resumed_at = CASE WHEN $2 = 'moving' THEN clock_timestamp() ELSE resumed_at END
         WHERE feature = $1 RETURNING epoch::text`,
        [feature, state, why ?? null],
      ),
    limit: async (feature, limits) => void (await ask(pool, LIMIT, [feature, ...listLimits(limits)])),
    async order({ feature, tenant, order, author }) {
      await ask(pool, WITHDRAW_OTHER, [feature, tenant, order]);
      const [row] = await ask<OrderRow>(
        pool,
        `INSERT INTO banyan.move_order AS o (feature, tenant, "order", author) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, feature) WHERE state IN ('waiting', 'running') DO UPDATE SET in_waves = false
           WHERE o.state = 'waiting' AND o."order" = EXCLUDED."order" AND o.in_waves RETURNING ${ORDER_COLUMNS}`,
        [feature, tenant, order, author],
      );
      return row && readOrder(row)[0];
    },
    async queue({ feature, tenants, order, author, manner }) {
      const [row] = await ask<{ placed: number }>(
        pool,
        'SELECT banyan.queue_moves($1, $2, $3, $4, $5) AS placed',
        [feature, order, author, tenants, manner === 'fresh'],
      );
      return row?.placed ?? 0;
    },
    async waiting() {
      const rows = await ask<OrderRow>(
        pool,
        `SELECT ${ORDER_COLUMNS} FROM banyan.move_order WHERE state = 'waiting' ORDER BY move_order.id`,
      );
      return rows.flatMap(readOrder);
    },
    withdraw: async (ids, { olderThanMs }) => void (await ask(pool, WITHDRAW, [ids, olderThanMs])),
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

const WITHDRAW = `UPDATE banyan.move_order SET state = 'withdrawn', ended_at = clock_timestamp(),
    detail = 'The table said something else before its turn came.'
  WHERE id = ANY ($1::bigint[]) AND state = 'waiting' AND at <= clock_timestamp() - $2 * interval '1 ms'`;

const WITHDRAW_OTHER = `UPDATE banyan.move_order SET state = 'withdrawn', ended_at = clock_timestamp(),
    detail = 'Another order came before its turn.'
  WHERE feature = $1 AND tenant = $2 AND "order" <> $3 AND state = 'waiting' AND in_waves`;

// A limit that is not named stays; one that is named as nothing goes.
const LIMIT = `UPDATE banyan.move SET
    wave_tenants = CASE WHEN $2 THEN $3::int ELSE wave_tenants END,
    at_once = CASE WHEN $4 THEN $5::int ELSE at_once END,
    stop_after = CASE WHEN $6 THEN $7::int ELSE stop_after END
  WHERE feature = $1`;

const listLimits = ({ wave, atOnce, stopAfter }: MoveLimitWish) =>
  [wave, atOnce, stopAfter].flatMap((limit) => [limit !== undefined, limit ?? null]);

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
      attempt: row.attempt,
      inWaves: row.in_waves,
      wave: row.wave ?? undefined,
      detail: row.detail ?? undefined,
      heldMs: row.held_ms ?? undefined,
      rows: row.rows === null ? undefined : Number(row.rows),
      endedAt: row.ended_at ?? undefined,
    }),
  ];
}
