import pg from 'pg';
import { type CopyMoment, MomentUnavailable } from '../store/index.ts';
import { type Position, parsePosition } from '../vocabulary/index.ts';
import { openLegacyPool } from './legacy-slot.ts';
import { FollowTrouble } from './trouble.ts';

/** The follower waits meanwhile: whoever has a transaction open on legacy for longer is let end first. */
const GUARDED_PATIENCE_MS = 5_000;

export type MomentsWish = Readonly<{
  legacyUrl: string;
  signal: AbortSignal;
  /** What the copy waits for. */
  onWait: (reason: string) => void;
}>;

/**
 * Where a slot begins is a point of legacy's log, and its snapshot shows all rows as they were there, for as long as it stays open. `slot`:
 * quoted, and whatever stands behind it. Throws MomentUnavailable where that waits for transactions of legacy, and `patienceMs` is over.
 */
export async function openMoment(
  { legacyUrl, signal, onWait }: MomentsWish,
  slot: string,
  manner: 'open' | 'guarded',
): Promise<CopyMoment> {
  signal.throwIfAborted();
  const config: pg.ClientConfig & { replication: 'database' } = {
    connectionString: legacyUrl,
    replication: 'database',
    application_name: 'banyan copy',
  };
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  await client.connect();
  const close = () => client.end();
  const watch = watchPatience(legacyUrl, client, signal, onWait, manner);
  try {
    const { rows } = await client.query<{ consistent_point: string; snapshot_name: string }>(
      `CREATE_REPLICATION_SLOT ${slot} LOGICAL pgoutput EXPORT_SNAPSHOT`,
    );
    const point = parsePosition(rows[0]?.consistent_point ?? '');
    if (point === undefined)
      throw new FollowTrouble('Legacy has named no point at which a copy could begin.');
    // What is committed at the point itself is not in the snapshot yet.
    return { snapshot: rows[0]?.snapshot_name ?? '', from: (point - 1n) as Position, close };
  } catch (error) {
    await close();
    throw watch.isOver() ? new MomentUnavailable(WAITS) : error;
  } finally {
    watch.end();
  }
}

const WAITS = 'a transaction on legacy that has been open for long: a copy can begin once it has ended';
const LOOK_MS = 1_000;

/** A slot can begin only when every transaction that is open now has ended. Tells of it, and gives up where somebody is kept waiting. */
function watchPatience(
  legacyUrl: string,
  client: pg.Client,
  signal: AbortSignal,
  onWait: (reason: string) => void,
  manner: 'open' | 'guarded',
) {
  const beganMs = performance.now();
  let isOver = false;
  const timer = setInterval(() => {
    onWait(WAITS);
    isOver ||= manner === 'guarded' && performance.now() - beganMs > GUARDED_PATIENCE_MS;
    if (isOver || signal.aborted) void cancel(legacyUrl, client);
  }, LOOK_MS).unref();
  return { isOver: () => isOver, end: () => clearInterval(timer) };
}

async function cancel(legacyUrl: string, client: pg.Client): Promise<void> {
  const pool = openLegacyPool(legacyUrl, 1);
  const { processID } = client as pg.Client & { processID?: number };
  await pool.query('SELECT pg_cancel_backend($1)', [processID]).catch(() => undefined);
  await pool.end();
}
