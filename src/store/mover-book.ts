import pg from 'pg';
import {
  type Epoch,
  type FeatureName,
  type MoveOrder,
  type Position,
  type ProofRecord,
  type ProofState,
  printPosition,
  type Side,
  type TenantId,
} from '../vocabulary/index.ts';
import { ask, askInside } from './ask.ts';
import { ORDER_COLUMNS, type OrderRow, readOrder } from './move-book.ts';
import { printPlace } from './tenure-book.ts';

/** One tenant's feature at one epoch: a step is taken only from where the last one ended, so that two movers cannot both take it. */
export type HandOverStep = Readonly<{ tenant: TenantId; feature: FeatureName; epoch: Epoch }>;

/** `rows`: how many are equal on both sides. */
export type OrderEnd = Readonly<{
  state: 'done' | 'failed';
  detail: string;
  heldMs?: number | undefined;
  rows?: number | undefined;
}>;

/** What only the mover writes. */
export type MoverBook = Readonly<{
  /** Alone of all movers until `close`, or until the connection is lost: then `lost` is called. Undefined: another one is. */
  lead(lost: () => void): Promise<Readonly<{ close(): Promise<void> }> | undefined>;
  /** A step that a mover left behind is ended: the owner is as it says, and writes may come. Answers how many. */
  tidy(): Promise<number>;
  /** Keeps writes back; the owner stays. Undefined where something is under way already. */
  hold(tenant: TenantId, feature: FeatureName): Promise<HandOverStep | undefined>;
  /** The owner changes; waits for writers of the new side and keeps later ones from going by the old word. Undefined: somebody else took a step. */
  switchTo(step: HandOverStep, owner: Side, since: Position): Promise<HandOverStep | undefined>;
  /** Writes may come, to the owner as it is. */
  settle(step: HandOverStep): Promise<boolean>;
  /** How many live instances do not act on this step yet, or have writes under way that began before it. */
  unconfirmed(step: HandOverStep): Promise<number>;
  /** Takes the order that is next: the oldest that waits for no wave, or the next one of a wave, as far as limits allow. */
  takeOrder(): Promise<MoveOrder | undefined>;
  endOrder(id: number, end: OrderEnd): Promise<void>;
  /** Notes how a look at both sides has ended; answers how the one before had. */
  noteProof(proof: Omit<ProofRecord, 'checkedAt'>): Promise<ProofState | undefined>;
  /** Orders that a mover was at when it went wait again. */
  returnOrders(): Promise<void>;
  /** Forgets orders that ended more than a day ago, but for the last few of each tenant and feature. Answers how many. */
  pruneOrders(): Promise<number>;
  /** Of these tables, those that a tenant's rows do not follow any more, or `nothing` where the tenant does not follow at all. */
  apart(tenant: TenantId, tables: readonly string[]): Promise<readonly string[] | 'not_followed'>;
  /** How many writes of strangers there are to a feature's rows on legacy. */
  strangers(tenant: TenantId, feature: FeatureName): Promise<number>;
  /** Tables whose rows on legacy somebody else has written meanwhile are apart: they do not follow any more. Answers their names. */
  partStrangers(tenant: TenantId, feature: FeatureName): Promise<readonly string[]>;
  /** Ids go on after these. */
  raiseIds(tenant: TenantId, nextIds: Readonly<Record<string, number>>): Promise<void>;
  /** By table, the last id that was given. */
  lastIds(tenant: TenantId, tables: readonly string[]): Promise<Readonly<Record<string, number>>>;
}>;

const LEADER = 2_114_251_118;
const LOCK_MS = 1_000;
const KEPT_ORDERS = 5;

export function openMoverBook(url: string, pool: pg.Pool): MoverBook {
  const step = async (sql: string, values: readonly unknown[]): Promise<HandOverStep | undefined> => {
    const [row] = await ask<{ tenant: number; feature: string; epoch: string }>(pool, sql, values);
    return (
      row && { tenant: row.tenant as TenantId, feature: row.feature as FeatureName, epoch: Number(row.epoch) }
    );
  };
  const STEP = 'RETURNING tenant, feature, epoch::text';
  return {
    lead: (lost) => lead(url, lost),
    tidy: async () =>
      (
        await ask(
          pool,
          `UPDATE banyan.tenure SET step = 'settled', epoch = banyan.next_epoch() WHERE step <> 'settled' RETURNING 1`,
        )
      ).length,
    hold: (tenant, feature) =>
      step(
        `INSERT INTO banyan.tenure AS t (tenant, feature, owner, step, epoch) VALUES ($1, $2, 'legacy', 'holding', banyan.next_epoch())
         ON CONFLICT (tenant, feature) DO UPDATE SET step = 'holding', epoch = EXCLUDED.epoch WHERE t.step = 'settled' ${STEP}`,
        [tenant, feature],
      ),
    switchTo: ({ tenant, feature, epoch }, owner, since) =>
      inOneTransaction(pool, async (run) => {
        await run(`SET LOCAL lock_timeout = ${LOCK_MS}`);
        await run(`SELECT pg_advisory_xact_lock($1, hashtext('banyan tenure ' || $2))`, [tenant, feature]);
        const { rows } = await run(
          `UPDATE banyan.tenure SET step = 'switched', owner = $4, since = $5, epoch = banyan.next_epoch(), changed_at = clock_timestamp()
           WHERE tenant = $1 AND feature = $2 AND epoch = $3 AND step = 'holding' ${STEP}`,
          [tenant, feature, epoch, owner, printPosition(since)],
        );
        const [row] = rows as { epoch: string }[];
        return row && { tenant, feature, epoch: Number(row.epoch) };
      }),
    settle: async ({ tenant, feature, epoch }) =>
      (await step(
        `UPDATE banyan.tenure SET step = 'settled', epoch = banyan.next_epoch() WHERE tenant = $1 AND feature = $2 AND epoch = $3 ${STEP}`,
        [tenant, feature, epoch],
      )) !== undefined,
    async unconfirmed({ epoch, ...place }) {
      const [row] = await ask<{ n: number }>(
        pool,
        `SELECT count(*)::int AS n FROM banyan.instance
         WHERE lease_until > clock_timestamp() AND epoch < $1 AND (heard < $1 OR $2 = ANY (busy))`,
        [epoch, printPlace(place)],
      );
      return row?.n ?? 0;
    },
    async takeOrder() {
      const rows = await ask<OrderRow>(pool, `SELECT ${ORDER_COLUMNS} FROM banyan.take_move_order()`);
      return rows.flatMap(readOrder)[0];
    },
    endOrder: async (id, { state, detail, heldMs, rows }) =>
      void (await ask(
        pool,
        'UPDATE banyan.move_order SET state = $2, detail = $3, held_ms = $4, rows = $5, ended_at = clock_timestamp() WHERE id = $1',
        [id, state, detail, heldMs ?? null, rows ?? null],
      )),
    async noteProof({ tenant, feature, state, rows, detail }) {
      const [row] = await ask<{ before: ProofState | null }>(
        pool,
        `INSERT INTO banyan.row_proof AS p (tenant, feature, state, rows, detail) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, feature) DO UPDATE SET checked_at = clock_timestamp(), state = EXCLUDED.state, rows = EXCLUDED.rows, detail = EXCLUDED.detail
         RETURNING (SELECT b.state FROM banyan.row_proof b WHERE b.tenant = $1 AND b.feature = $2) AS before`,
        [tenant, feature, state, rows ?? null, detail],
      );
      return row?.before ?? undefined;
    },
    returnOrders: async () =>
      void (await ask(pool, `UPDATE banyan.move_order SET state = 'waiting' WHERE state = 'running'`)),
    pruneOrders: async () =>
      (
        await ask(
          pool,
          `DELETE FROM banyan.move_order WHERE id IN (SELECT id FROM
             (SELECT id, ended_at, row_number() OVER (PARTITION BY feature, tenant ORDER BY id DESC) AS age FROM banyan.move_order) o
           WHERE age > ${KEPT_ORDERS} AND ended_at < clock_timestamp() - interval '1 day' - interval '1 min') RETURNING 1`,
        )
      ).length,
    async apart(tenant, tables) {
      const rows = await askInside<{ table_name: string | null }>(
        pool,
        tenant,
        `SELECT s.table_name FROM banyan.followed_tenant f LEFT JOIN banyan.row_standing s
           ON s.tenant_id = f.tenant_id AND s.table_name IN (${literals(tables)}) WHERE f.tenant_id = ${Number(tenant)}`,
      );
      return rows.length === 0 ? 'not_followed' : rows.flatMap(({ table_name }) => table_name ?? []);
    },
    async strangers(tenant, feature) {
      const [row] = await askInside<{ n: number }>(
        pool,
        tenant,
        `SELECT count(*)::int AS n FROM banyan.stranger WHERE feature = ${pg.escapeLiteral(feature)}`,
      );
      return row?.n ?? 0;
    },
    partStrangers: (tenant, feature) =>
      inOneTransaction(pool, async (run) => {
        await run(`SELECT set_config('banyan.tenant_id', $1, true)`, [String(tenant)]);
        const tables = 'SELECT DISTINCT tenant_id, table_name FROM banyan.stranger WHERE feature = $1';
        await run(
          `INSERT INTO banyan.row_standing (tenant_id, table_name) ${tables} ON CONFLICT DO NOTHING`,
          [feature],
        );
        const { rows } = await run(tables, [feature]);
        return (rows as { table_name: string }[]).map(({ table_name }) => table_name);
      }),
    raiseIds: (tenant, nextIds) =>
      inOneTransaction(pool, async (run) => {
        await run(`SELECT set_config('banyan.tenant_id', $1, true)`, [String(tenant)]);
        for (const [table, next] of Object.entries(nextIds))
          await run(
            `INSERT INTO banyan.id_counter AS c (tenant_id, table_name, last_id) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, table_name) DO UPDATE SET last_id = GREATEST(c.last_id, EXCLUDED.last_id)`,
            [tenant, table, next - 1],
          );
      }),
    async lastIds(tenant, tables) {
      const rows = await askInside<{ table_name: string; last_id: number }>(
        pool,
        tenant,
        `SELECT table_name, last_id FROM banyan.id_counter WHERE table_name IN (${literals(tables)})`,
      );
      return Object.fromEntries(rows.map(({ table_name, last_id }) => [table_name, last_id]));
    },
  };
}

// Never empty, so that an IN list can be written.
const literals = (names: readonly string[]) =>
  ['', ...names].map((name) => pg.escapeLiteral(name)).join(', ');

type Run = (sql: string, values?: readonly unknown[]) => Promise<pg.QueryResult>;

async function inOneTransaction<T>(pool: pg.Pool, work: (run: Run) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let error: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work((sql, values = []) => client.query(sql, [...values]));
    await client.query('COMMIT');
    return result;
  } catch (caught) {
    error = caught as Error;
    // A connection in doubt is not used again.
    throw caught;
  } finally {
    client.release(error);
  }
}

/** The lock lasts as long as its connection. */
async function lead(
  url: string,
  lost: () => void,
): Promise<Readonly<{ close(): Promise<void> }> | undefined> {
  const client = new pg.Client({ connectionString: url, application_name: 'banyan mover', keepAlive: true });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ leads: boolean }>('SELECT pg_try_advisory_lock($1) AS leads', [
    LEADER,
  ]);
  const close = () => client.end().catch(() => undefined);
  if (!rows[0]?.leads) {
    await close();
    return undefined;
  }
  client.once('end', lost);
  return { close };
}
