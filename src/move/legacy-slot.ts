import pg from 'pg';
import { type Position, parsePosition } from '../vocabulary/index.ts';
import { PUBLICATION } from './pgoutput.ts';
import { codeOf, FollowTrouble, takenBy } from './trouble.ts';

export type LegacySlot = Readonly<{
  confirmed: Position;
  /** Where legacy's log ends now. */
  end: Position;
  isActive: boolean;
  isLost: boolean;
}>;

/** Opens a small pool to legacy for everything but the stream. */
export function openLegacyPool(legacyUrl: string, max = 2): pg.Pool {
  const pool = new pg.Pool({
    connectionString: legacyUrl,
    max,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'banyan follow',
  });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Undefined where there is no such slot. */
export async function readSlot(pool: pg.Pool, slot: string): Promise<LegacySlot | undefined> {
  const { rows } = await pool.query<{
    plugin: string | null;
    here: boolean;
    active: boolean;
    lost: boolean;
    confirmed: string | null;
    end: string;
  }>(
    `SELECT plugin, COALESCE(database = current_database(), false) AS here, active, COALESCE(wal_status = 'lost', false) AS lost,
       confirmed_flush_lsn::text AS confirmed, pg_current_wal_lsn()::text AS end FROM pg_replication_slots WHERE slot_name = $1`,
    [slot],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  if (row.plugin !== 'pgoutput' || !row.here)
    throw new FollowTrouble(
      `The replication slot "${slot}" on legacy's server belongs to something else. Choose another name for ours.`,
    );
  const [confirmed, end] = [parsePosition(row.confirmed ?? ''), parsePosition(row.end)];
  if (confirmed === undefined || end === undefined)
    throw new FollowTrouble(`The replication slot "${slot}" is being made. Wait a moment.`);
  return { confirmed, end, isActive: row.active, isLost: row.lost };
}

/** Where to go on reading. Throws FollowTrouble where that cannot be; `position`: how far the store has come. */
export async function checkSlot(
  pool: pg.Pool,
  name: string,
  position: Position | undefined,
): Promise<Position> {
  const slot = await readSlot(pool, name);
  const anew = 'Run "banyan follow" (docs/following.md).';
  if (slot === undefined)
    throw new FollowTrouble(`Legacy's server has no replication slot "${name}". ${anew}`);
  if (slot.isLost) throw lostSlot(name);
  if (position === undefined)
    throw new FollowTrouble(`The store has never followed the replication slot "${name}". ${anew}`);
  // Only what is stored is acknowledged: a slot that is ahead has let changes go that this store, put back from a copy, does not have.
  if (slot.confirmed > position + 1n)
    throw new FollowTrouble(
      `The store is older than the replication slot "${name}": changes of legacy are missing. ${anew}`,
    );
  if (position > slot.end)
    throw new FollowTrouble(
      `Legacy's database is older than what the store has of it: its log ends before the place that was followed last. ${anew}`,
    );
  if (slot.isActive) throw new FollowTrouble(takenBy(name), 'taken');
  return position;
}

export function lostSlot(name: string): FollowTrouble {
  return new FollowTrouble(
    `Legacy's server has given up the replication slot "${name}": following stood still for longer than max_slot_wal_keep_size allows. ` +
      `Drop it (SELECT pg_drop_replication_slot('${name}')) and run "banyan follow" anew (docs/following.md).`,
  );
}

/** Makes the publication where it is missing. It must be older than the slot, or the slot cannot be read. */
export async function ensurePublication(pool: pg.Pool): Promise<void> {
  await checkWalLevel(pool);
  const { rowCount } = await pool.query('SELECT FROM pg_publication WHERE pubname = $1', [PUBLICATION]);
  if (rowCount === 1) return;
  await checkIdentities(pool);
  await pool.query(`CREATE PUBLICATION ${PUBLICATION} FOR ALL TABLES`).catch((error: unknown) => {
    throw new FollowTrouble(
      `Legacy's database has no publication "${PUBLICATION}", and this role may not make one (${codeOf(error)}). ` +
        `An administrator runs, once and before the slot is made: CREATE PUBLICATION ${PUBLICATION} FOR ALL TABLES`,
    );
  });
}

async function checkWalLevel(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ level: string }>("SELECT current_setting('wal_level') AS level");
  if (rows[0]?.level === 'logical') return;
  throw new FollowTrouble(
    `Legacy's PostgreSQL has wal_level = ${rows[0]?.level}. Set wal_level = logical and restart it.`,
  );
}

/** A published table without a key refuses every UPDATE and DELETE: legacy itself would break. */
async function checkIdentities(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ place: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS place FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND (c.relreplident = 'n' OR (c.relreplident = 'd' AND NOT EXISTS (
         SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))) ORDER BY 1`,
  );
  if (rows.length === 0) return;
  const named = rows.slice(0, 3).map(({ place }) => place);
  throw new FollowTrouble(
    `A publication of all tables would make legacy refuse updates of ${named.join(', ')}${rows.length > 3 ? ` and ${rows.length - 3} more` : ''}: ` +
      'no primary key. Give each one, or ALTER TABLE … REPLICA IDENTITY FULL.',
  );
}
