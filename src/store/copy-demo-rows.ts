import pg from 'pg';
import {
  type Position,
  parseTenantId,
  parseTenantName,
  printPosition,
  type TenantId,
  type TenantName,
} from '../vocabulary/index.ts';
import { readTenantTables, type TenantTable } from './tenant-tables.ts';

export type CopyWish = Readonly<{
  legacyUrl: string;
  ownerUrl: string;
  /** Reads legacy as it was at `from`, and notes that the tenants follow the slot since then. */
  follow?: Readonly<{ snapshot: string; slot: string; from: Position }>;
  /** After each tenant. */
  onProgress?: (progress: Readonly<{ tenant: TenantName; done: number; all: number }>) => void;
}>;
export type Copied = Readonly<{ tenants: number; rows: number }>;

type LegacyTenant = Readonly<{ id: TenantId; name: TenantName; schema: string }>;

const LANES = 3;

/**
 * Copies what the legacy demo holds into the new store, ids kept; tenants that are there already are left as they are. For the
 * demo only: without `follow` it reads each tenant at a moment of its own, and nothing that legacy writes afterwards comes after.
 */
export async function copyDemoRows(wish: CopyWish): Promise<Copied> {
  const legacy = openLanes(wish.legacyUrl);
  const owner = openLanes(wish.ownerUrl);
  try {
    return await copyMissing(legacy, owner, wish);
  } finally {
    await Promise.all([legacy.end(), owner.end()]);
  }
}

function openLanes(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: LANES, application_name: 'banyan copy' });
  // A broken connection fails the query on it; without a listener an idle one would end the process.
  return pool.on('error', () => undefined);
}

async function copyMissing(legacy: pg.Pool, owner: pg.Pool, wish: CopyWish): Promise<Copied> {
  const { onProgress, follow } = wish;
  const tenants = await listMissing(legacy, owner, follow);
  const tables = await withClient(owner, readTenantTables);
  let [next, done, rows] = [0, 0, 0];
  const copyNext = async (): Promise<void> => {
    const tenant = tenants[next];
    next += 1;
    if (!tenant) return;
    const contents = await readLegacy(legacy, tenant, tables, follow);
    const written = await withClient(owner, (client) =>
      writeTenant(client, tenant, tables, contents, follow),
    );
    rows += written;
    done += 1;
    onProgress?.({ tenant: tenant.name, done, all: tenants.length });
    return copyNext();
  };
  await Promise.all(Array.from({ length: LANES }, copyNext));
  return { tenants: tenants.length, rows };
}

async function listMissing(
  legacy: pg.Pool,
  owner: pg.Pool,
  follow: CopyWish['follow'],
): Promise<readonly LegacyTenant[]> {
  const { rows: present } = await owner.query<{ id: number }>('SELECT id FROM public.tenant');
  const known = new Set(present.map((row) => row.id));
  const rows = await askLegacy<{ id: number; name: string; schema_name: string }>(
    legacy,
    'SELECT id, name, schema_name FROM public.tenants_tenant ORDER BY id',
    follow,
  );
  return rows
    .filter((row) => !known.has(row.id))
    .map((row) => {
      const [id, name] = [parseTenantId(row.id), parseTenantName(row.name)];
      if (id === undefined || name === undefined)
        throw new Error(`Legacy's tenant ${row.id} has a name that no host can have: "${row.name}".`);
      return { id, name, schema: row.schema_name };
    });
}

/** At the snapshot's moment, or now. */
async function askLegacy<Row extends pg.QueryResultRow>(
  legacy: pg.Pool,
  sql: string,
  follow: CopyWish['follow'],
): Promise<Row[]> {
  if (follow === undefined) return (await legacy.query<Row>(sql)).rows;
  const moment = `SET TRANSACTION SNAPSHOT ${pg.escapeLiteral(follow.snapshot)}`;
  const answers: unknown = await legacy.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${moment}; ${sql}; COMMIT`,
  );
  return (answers as readonly pg.QueryResult<Row>[])[2]?.rows ?? [];
}

/** One statement, so one moment: each table's rows as one JSON text (numbers and microseconds untouched), and where its ids stand. */
type Contents = Readonly<{ tables: Readonly<Record<string, string>>; ids: Readonly<Record<string, number>> }>;

async function readLegacy(
  legacy: pg.Pool,
  tenant: LegacyTenant,
  tables: readonly TenantTable[],
  follow: CopyWish['follow'],
): Promise<Contents> {
  const schema = pg.escapeIdentifier(tenant.schema);
  const lists = tables.map(({ name }) => {
    const table = pg.escapeIdentifier(name);
    return `(SELECT COALESCE(json_agg(t), '[]')::text FROM ${schema}.${table} t) AS ${table}`;
  });
  // Not through the view pg_sequences: right after a seed of 400 schemas the planner knows nothing of the catalogs and reads them all.
  const counters = tables
    .filter(({ columns }) => columns.includes('id'))
    .map(
      ({ name }) =>
        `${pg.escapeLiteral(name)}, pg_sequence_last_value(${pg.escapeLiteral(`${schema}.${name}_id_seq`)}::regclass)`,
    );
  const ids = `json_strip_nulls(json_build_object(${counters.join(', ')}))::text AS ids`;
  const rows = await askLegacy<Record<string, string>>(
    legacy,
    `SELECT ${[...lists, ids].join(', ')}`,
    follow,
  );
  const { ids: lastIds = '{}', ...contents } = rows[0] ?? {};
  return { tables: contents, ids: JSON.parse(lastIds) as Record<string, number> };
}

async function writeTenant(
  client: pg.ClientBase,
  tenant: LegacyTenant,
  tables: readonly TenantTable[],
  contents: Contents,
  follow: CopyWish['follow'],
): Promise<number> {
  let rows = 0;
  // The generic plan: a foreign-key check for each of many rows is planned once, at the price of locking all buckets meanwhile.
  // It is made while the tables are still empty, when a sequential scan looks cheapest, and kept while they grow: hence none of those.
  await client.query(
    `BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; SELECT set_config('banyan.tenant_id', '${tenant.id}', true), set_config('banyan.note', 'copy', true)`,
  );
  try {
    await client.query('INSERT INTO public.tenant (id, name) VALUES ($1, $2)', [tenant.id, tenant.name]);
    for (const table of tables)
      rows += await writeRows(client, tenant, table, contents.tables[table.name] ?? '[]');
    await client.query(
      `INSERT INTO banyan.id_counter (tenant_id, table_name, last_id)
       SELECT $1, key, value::int FROM json_each_text($2) WHERE key = ANY ($3)`,
      [tenant.id, JSON.stringify(contents.ids), tables.map((table) => table.name)],
    );
    if (follow)
      await client.query(
        'INSERT INTO banyan.followed_tenant (tenant_id, slot, from_position) VALUES ($1, $2, $3)',
        [tenant.id, follow.slot, printPosition(follow.from)],
      );
    await client.query('COMMIT');
    return rows;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function writeRows(
  client: pg.ClientBase,
  tenant: LegacyTenant,
  table: TenantTable,
  json: string,
): Promise<number> {
  if (json === '[]') return 0;
  const columns = table.columns
    .filter((column) => column !== 'tenant_id')
    .map((column) => pg.escapeIdentifier(column));
  const { rowCount } = await client.query(
    `INSERT INTO ${table.place} (tenant_id, ${columns.join(', ')})
     SELECT $1, ${columns.join(', ')} FROM json_populate_recordset(NULL::${table.place}, $2)`,
    [tenant.id, json],
  );
  return rowCount ?? 0;
}

async function withClient<T>(pool: pg.Pool, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}
