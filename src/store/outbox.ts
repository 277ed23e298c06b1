import pg from 'pg';
import type { TenantId } from '../vocabulary/index.ts';
import { ask, askInside } from './ask.ts';
import { giveBack, takeConnection } from './connections.ts';
import { findTrouble } from './database-errors.ts';
import { StoreUnavailable } from './errors.ts';
import { type OutboxRow, readLine, SELECT_LINES } from './outbox-line.ts';

/** What the new side did to one row that it owns. */
export type OutboxLine = Readonly<{
  id: bigint;
  table: string;
  change: 'insert' | 'update' | 'delete';
  /** The key as it was before, without the tenant, as JSON text: `{"id":41}`. */
  key: string;
  /** The whole row afterwards as JSON text, every value as PostgreSQL wrote it; undefined for a delete. */
  image: string | undefined;
  /** An update whose row has another key now. */
  isRekeyed: boolean;
  /** When it was written, as PostgreSQL writes it, to the microsecond. */
  at: string;
}>;

/** What legacy was given last: its lines may still be in the outbox. */
export type Carried = Readonly<{ ids: readonly bigint[]; lastAt: string }>;

export type OutboxBatch = Readonly<{
  /** In the order in which they are to be carried. */
  lines: readonly OutboxLine[];
  /** Nothing else was there. */
  isComplete: boolean;
  /** Transactions whose lines are all in the batch, or gone. */
  transactions: readonly string[];
}>;

export type BatchBounds = Readonly<{ lines: number; characters: number }>;

/**
 * What the new side wrote to rows that it owns, until it has been carried back to legacy. Used by move. A batch is of one moment: what is
 * visible then, in the order of ids, is an order in which it could have happened, since whoever changes a row waits for the one before.
 * Lower ids may become visible later; they are of writes that none of the earlier ones waited for. All throw StoreUnavailable.
 */
export interface OutboxStore {
  /** Who may have something to carry. */
  tenants(): Promise<readonly TenantId[]>;
  /** Takes away what legacy has already, and answers what is to be carried next: one line at least, where there is one. */
  read(tenant: TenantId, carried: Carried, bounds: BatchBounds): Promise<OutboxBatch>;
  /** Legacy has all of this batch. */
  remove(tenant: TenantId, batch: OutboxBatch): Promise<void>;
  /** How much waits, and for how long the oldest of it has. */
  pending(tenant: TenantId): Promise<OutboxPending>;
  close(): Promise<void>;
}

export type OutboxPending = Readonly<{ lines: number; oldestMs: number }>;

const POOL_SIZE = 6;
const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_MS = 60_000;
const FIRST_LINES = 50;

/** `control` is for single questions; connections of its own are opened when there is something to carry. */
export function openOutboxStore(url: string, control: pg.Pool): OutboxStore {
  let pool: pg.Pool | undefined;
  const open = () => {
    pool ??= openPool(url);
    return pool;
  };
  return {
    tenants: async () =>
      (await ask<{ tenant: TenantId }>(control, 'SELECT DISTINCT tenant FROM banyan.outbox_tenant')).map(
        ({ tenant }) => tenant,
      ),
    read: (tenant, carried, bounds) =>
      withConnection(open(), (run) => readBatch(run, tenant, carried, bounds)),
    remove: (tenant, batch) =>
      withConnection(open(), async (run) => {
        await run([...enter(tenant), ...removal(tenant, batch), 'COMMIT']);
      }),
    pending: async (tenant) => {
      const [row] = await askInside<{ lines: number; age: number | null }>(
        control,
        tenant,
        `SELECT count(*)::int AS lines, (EXTRACT(EPOCH FROM clock_timestamp() - min(at)) * 1000)::float8 AS age
         FROM banyan.outbox WHERE tenant_id = ${Number(tenant)}`,
      );
      return { lines: row?.lines ?? 0, oldestMs: Math.max(0, row?.age ?? 0) };
    },
    close: async () => pool?.end(),
  };
}

type Run = (statements: readonly string[]) => Promise<readonly pg.QueryResult[]>;

/** One snapshot for the lines and for the transactions that they are told of by. */
async function readBatch(
  run: Run,
  tenant: TenantId,
  { ids, lastAt }: Carried,
  bounds: BatchBounds,
): Promise<OutboxBatch> {
  const first = Math.min(FIRST_LINES, bounds.lines);
  const gone = ids.length > 0 ? [...enter(tenant), forget(tenant, ids, lastAt), 'COMMIT'] : [];
  const answers = await run([
    ...gone,
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
    ...enter(tenant).slice(1),
    `SELECT xid::text AS transaction FROM banyan.outbox_tenant WHERE tenant = ${Number(tenant)}`,
    `DECLARE line NO SCROLL CURSOR FOR ${SELECT_LINES} WHERE tenant_id = ${Number(tenant)} ORDER BY id`,
    `FETCH ${first} FROM line`,
  ]);
  const told = (answers.at(-3)?.rows ?? []) as { transaction: string }[];
  const lines = (answers.at(-1)?.rows ?? []).map((row) => readLine(row as OutboxRow));
  let isComplete = lines.length < first;
  for (let wanted = countMore(lines, bounds); !isComplete && wanted > 0; wanted = countMore(lines, bounds)) {
    const [answer] = await run([`FETCH ${wanted} FROM line`]);
    const rows = (answer?.rows ?? []) as OutboxRow[];
    lines.push(...rows.map(readLine));
    isComplete = rows.length < wanted;
  }
  await run(['COMMIT']);
  return { lines, isComplete, transactions: isComplete ? told.map(({ transaction }) => transaction) : [] };
}

/** How many lines more are likely to fit, by those that are there. */
function countMore(lines: readonly OutboxLine[], bounds: BatchBounds): number {
  const characters = lines.reduce((sum, { image = '' }) => sum + image.length, 0);
  const each = Math.max(1, characters / Math.max(1, lines.length));
  return Math.min(bounds.lines - lines.length, Math.ceil((bounds.characters - characters) / each));
}

function removal(tenant: TenantId, { lines, transactions }: OutboxBatch): readonly string[] {
  const last = lines.at(-1);
  return [
    ...(last
      ? [
          forget(
            tenant,
            lines.map(({ id }) => id),
          ),
        ]
      : []),
    ...(transactions.length > 0
      ? [
          `DELETE FROM banyan.outbox_tenant WHERE tenant = ${Number(tenant)} AND xid = ANY (${pg.escapeLiteral(`{${transactions.join(',')}}`)}::xid8[])`,
        ]
      : []),
  ];
}

// `lastAt`: a store that was made anew begins to count anew, and its first lines were never carried.
function forget(tenant: TenantId, ids: readonly bigint[], lastAt?: string): string {
  const known = lastAt === undefined ? '' : ` AND at <= ${pg.escapeLiteral(lastAt)}`;
  return `DELETE FROM banyan.outbox WHERE tenant_id = ${Number(tenant)} AND id = ANY ('{${ids.join(',')}}'::bigint[])${known}`;
}

const enter = (tenant: TenantId): readonly string[] => [
  'BEGIN',
  `SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true), set_config('TimeZone', 'UTC', true)`,
];

async function withConnection<T>(pool: pg.Pool, work: (run: Run) => Promise<T>): Promise<T> {
  const { connection } = await takeConnection(pool);
  const run: Run = async (statements) => {
    const answers: unknown = await connection.query(statements.join('; '));
    return Array.isArray(answers) ? (answers as pg.QueryResult[]) : [answers as pg.QueryResult];
  };
  try {
    const result = await work(run);
    connection.release();
    return result;
  } catch (error) {
    // Its transaction may still be open.
    giveBack(pool, connection, error, 'close');
    const reason = findTrouble(error);
    throw reason === undefined ? error : new StoreUnavailable(error, { reason });
  }
}

function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    query_timeout: ANSWER_MS,
    keepAlive: true,
    application_name: 'banyan return',
  });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
