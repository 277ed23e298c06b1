import pg from 'pg';
import {
  isSameMapping,
  type Mapping,
  type MappingRules,
  makeMapping,
  type Position,
  parsePosition,
  parseTenantName,
  printPosition,
  type TenantName,
} from '../vocabulary/index.ts';
import { slotLock } from './follow-connection.ts';
import { readTenantTables, type TenantTable } from './tenant-tables.ts';

/** Who follows a slot, as the owner role sees it. One process at a time has it open. */
export type FollowRoll = Readonly<{
  /** How far the slot has been followed; undefined where it never was. */
  position: Position | undefined;
  /** The slot begins here: whoever followed an older one of its name does not follow any more, since what lay between is lost. */
  beginAt(position: Position): Promise<void>;
  /** From now on no follower of this slot moves on. */
  hold(): Promise<void>;
  release(): Promise<void>;
  /** The store's own tables. */
  listTables(): Promise<readonly TenantTable[]>;
  /**
   * What keeps another mapping from being laid down: tenants that follow by the one in force, or have come half by it, or rows that the
   * new side owns and that go back by it. Undefined: nothing, or it is in force already.
   */
  findObstacle(mapping: Mapping, slot: 'made' | 'kept'): Promise<MappingObstacle | undefined>;
  /** From now on rows come and go by these names. After `beginAt`, and where nothing is in the way. */
  layDown(mapping: Mapping): Promise<void>;
  /** Tenants of the store that follow no slot, though their rows are there. */
  listStrangers(): Promise<readonly TenantName[]>;
  close(): Promise<void>;
}>;

export type MappingObstacle = 'followed' | 'arriving' | 'owned';

/** Undefined where somebody else has it open. */
export async function openFollowRoll(ownerUrl: string, slot: string): Promise<FollowRoll | undefined> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: 'banyan follow',
    keepAlive: true,
  });
  client.on('error', () => undefined);
  await client.connect();
  if (!(await takeAlone(client, slot))) {
    await client.end();
    return undefined;
  }
  const { rows } = await client.query<{ position: string; mapping: MappingRules }>(
    'SELECT position::text, mapping FROM banyan.follow_position WHERE slot = $1',
    [slot],
  );
  const hold = async () => void (await client.query(`SELECT pg_advisory_lock(${slotLock(slot)})`));
  const release = async () => void (await client.query(`SELECT pg_advisory_unlock(${slotLock(slot)})`));
  return {
    position: parsePosition(rows[0]?.position ?? ''),
    listTables: () => readTenantTables(client),
    findObstacle: async (mapping, state) =>
      isSameMapping(mapping, makeMapping(rows[0]?.mapping ?? {}))
        ? undefined
        : findObstacle(client, slot, state),
    layDown: (mapping) => layDown(client, slot, mapping),
    beginAt: async (position) => {
      await hold();
      await beginAt(client, slot, position);
      await release();
    },
    hold,
    release,
    listStrangers: () => listStrangers(client),
    close: () => client.end(),
  };
}

/** The server may not have noticed yet that the one before has died. */
const PATIENCE_MS = 15_000;
const LOOK_MS = 200;

async function takeAlone(client: pg.Client, slot: string): Promise<boolean> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const { rows } = await client.query<{ is_ours: boolean }>(
      "SELECT pg_try_advisory_lock(hashtext('banyan copy'), hashtext($1)) AS is_ours",
      [slot],
    );
    if (rows[0]?.is_ours) return true;
    if (performance.now() > untilMs) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function beginAt(client: pg.Client, slot: string, position: Position): Promise<void> {
  await client.query('BEGIN');
  for (const { id } of await listTenants(client)) {
    await enter(client, id);
    const { rowCount } = await client.query(
      'DELETE FROM banyan.followed_tenant WHERE tenant_id = $1 AND slot = $2',
      [id, slot],
    );
    if (rowCount === 1) await client.query('DELETE FROM banyan.row_change WHERE tenant_id = $1', [id]);
  }
  await client.query(
    `INSERT INTO banyan.follow_position (slot, position, forgotten_to) VALUES ($1, $2, $2)
     ON CONFLICT (slot) DO UPDATE SET position = EXCLUDED.position, forgotten_to = EXCLUDED.forgotten_to`,
    [slot, printPosition(position)],
  );
  await client.query('COMMIT');
}

async function findObstacle(
  client: pg.Client,
  slot: string,
  state: 'made' | 'kept',
): Promise<MappingObstacle | undefined> {
  const owned = await client.query(
    `SELECT FROM banyan.tenure t JOIN banyan.move m USING (feature)
     WHERE m.state <> 'retired' AND (t.owner = 'new' OR t.step <> 'settled') LIMIT 1`,
  );
  if (owned.rowCount !== 0) return 'owned';
  const arriving = await client.query('SELECT FROM banyan.arriving_tenant LIMIT 1');
  if (arriving.rowCount !== 0) return 'arriving';
  // Whoever followed an older slot of this name follows no longer, once this one begins.
  return state === 'kept' && (await hasFollowers(client, slot)) ? 'followed' : undefined;
}

async function hasFollowers(client: pg.Client, slot: string): Promise<boolean> {
  await client.query('BEGIN READ ONLY');
  let isFollowed = false;
  for (const { id } of await listTenants(client)) {
    await enter(client, id);
    const sql = 'SELECT FROM banyan.followed_tenant WHERE tenant_id = $1 AND slot = $2';
    isFollowed ||= (await client.query(sql, [id, slot])).rowCount !== 0;
  }
  await client.query('COMMIT');
  return isFollowed;
}

async function layDown(client: pg.Client, slot: string, mapping: Mapping): Promise<void> {
  await client.query(
    `UPDATE banyan.follow_position SET mapping = $2::text::json, mapping_revision = mapping_revision + 1
     WHERE slot = $1 AND mapping::text <> $2`,
    [slot, JSON.stringify(mapping.rules)],
  );
}

async function listStrangers(client: pg.Client): Promise<readonly TenantName[]> {
  const strangers: TenantName[] = [];
  await client.query('BEGIN READ ONLY');
  for (const tenant of await listTenants(client)) {
    await enter(client, tenant.id);
    const { rowCount } = await client.query(
      `SELECT FROM banyan.followed_tenant WHERE tenant_id = $1
       UNION ALL SELECT FROM banyan.arriving_tenant WHERE tenant = $1`,
      [tenant.id],
    );
    const name = parseTenantName(tenant.name);
    if (rowCount === 0 && name !== undefined) strangers.push(name);
  }
  await client.query('COMMIT');
  return strangers;
}

async function listTenants(client: pg.Client): Promise<readonly Readonly<{ id: number; name: string }>[]> {
  return (await client.query<{ id: number; name: string }>('SELECT id, name FROM public.tenant ORDER BY id'))
    .rows;
}

// The owner stands inside the fences, too.
async function enter(client: pg.Client, tenant: number): Promise<void> {
  await client.query("SELECT set_config('banyan.tenant_id', $1, true)", [String(tenant)]);
}
