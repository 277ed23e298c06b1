import type pg from 'pg';
import {
  type MoveLook,
  type MoveStanding,
  type MoveWave,
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
    waves: async () => (await ask<WaveRow>(pool, WAVES)).flatMap(readWave),
  };
}

type WaveRow = Readonly<Omit<MoveWave, 'feature'> & { feature: string }>;

const WAVES = `SELECT m.feature, m.wave, count(*) FILTER (WHERE o.wave = m.wave)::int AS tenants,
    count(*) FILTER (WHERE o.wave = m.wave AND o.state = 'running')::int AS running,
    count(*) FILTER (WHERE o.wave = m.wave AND o.state = 'done')::int AS done,
    count(*) FILTER (WHERE o.wave = m.wave AND o.state = 'failed')::int AS failed,
    count(*) FILTER (WHERE o.wave IS NULL AND o.state = 'waiting')::int AS later,
    count(*) FILTER (WHERE o.state NOT IN ('waiting', 'running'))::int AS ended
  FROM banyan.move m LEFT JOIN banyan.move_order o ON o.feature = m.feature AND o.in_waves AND o.id >= m.fleet_from
  GROUP BY m.feature, m.wave ORDER BY m.feature`;

function readWave({ feature: name, ...counts }: WaveRow): readonly MoveWave[] {
  const feature = parseFeatureName(name);
  return feature === undefined ? [] : [{ feature, ...counts }];
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
