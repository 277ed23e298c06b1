import pg from 'pg';
import {
  EQUAL_NAMES,
  type Mapping,
  type Position,
  parseTenantId,
  parseTenantName,
  printPosition,
  type TenantId,
  type TenantName,
} from '../vocabulary/index.ts';
import { copyIn, copyOut } from './copy-rows.ts';
import { readTenantTables, type TenantTable } from './tenant-tables.ts';

export type CopyWish = Readonly<{
  legacyUrl: string;
  ownerUrl: string;
  /** Reads legacy as it was at `from`, and notes that the tenants follow the slot since then. */
  follow?: Readonly<{ snapshot: string; slot: string; from: Position }>;
  /** By which names legacy's tables and columns are read; default: equal ones. */
  mapping?: Mapping;
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
  const { onProgress, follow, mapping = EQUAL_NAMES } = wish;
  const tenants = await listMissing(legacy, owner, follow);
  const tables = await withClient(owner, readTenantTables);
  let [next, done, rows] = [0, 0, 0];
  const copyNext = async (): Promise<void> => {
    const tenant = tenants[next];
    next += 1;
    if (!tenant) return;
    const written = await withClient(owner, (client) =>
      copyTenant(legacy, client, { tenant, tables, follow, mapping }),
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

/** One transaction of legacy, so one moment: what is copied of a tenant is of the same state in all tables. */
async function openMoment(
  legacy: pg.Pool,
  follow: CopyWish['follow'],
): Promise<Readonly<{ client: pg.ClientBase; close(how: 'whole' | 'broken'): Promise<void> }>> {
  const client = await legacy.connect();
  const moment =
    follow === undefined ? '' : `; SET TRANSACTION SNAPSHOT ${pg.escapeLiteral(follow.snapshot)}`;
  // Whatever legacy's databases and roles have set: values come in one form.
  await client.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY${moment}; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'`,
  );
  return {
    client,
    close: async (how) => {
      if (how === 'whole') await client.query('COMMIT');
      // A copy that was broken off leaves a connection of which nobody knows where it stands.
      client.release(how === 'broken');
    },
  };
}

/** Where legacy's ids stand, by table. */
async function readIds(
  legacy: pg.ClientBase,
  tenant: LegacyTenant,
  { tables, mapping }: Pick<Writing, 'tables' | 'mapping'>,
): Promise<Readonly<Record<string, number>>> {
  const schema = pg.escapeIdentifier(tenant.schema);
  // Not through the view pg_sequences: right after a seed of 400 schemas the planner knows nothing of the catalogs and reads them all.
  const counters = tables
    .filter(({ columns }) => columns.includes('id'))
    .map(({ name }) => {
      const sequence = mapping.isEqual(name)
        ? `${pg.escapeLiteral(`${schema}.${name}_id_seq`)}`
        : `pg_get_serial_sequence(${pg.escapeLiteral(nameSource(tenant, name, mapping))}, ${pg.escapeLiteral(mapping.toLegacyColumn(name, 'id') ?? 'id')})`;
      return `${pg.escapeLiteral(name)}, pg_sequence_last_value(${sequence}::regclass)`;
    });
  const { rows } = await legacy.query<{ ids: string }>(
    `SELECT json_strip_nulls(json_build_object(${counters.join(', ')}))::text AS ids`,
  );
  return JSON.parse(rows[0]?.ids ?? '{}') as Record<string, number>;
}

async function copyTenant(
  legacy: pg.Pool,
  client: pg.ClientBase,
  copying: Omit<Writing, 'ids'>,
): Promise<number> {
  const moment = await openMoment(legacy, copying.follow);
  let how: 'whole' | 'broken' = 'broken';
  try {
    const ids = await readIds(moment.client, copying.tenant, copying);
    const rows = await writeTenant(client, { ...copying, ids }, moment.client);
    how = 'whole';
    return rows;
  } finally {
    await moment.close(how);
  }
}

type Writing = Readonly<{
  tenant: LegacyTenant;
  tables: readonly TenantTable[];
  ids: Readonly<Record<string, number>>;
  follow: CopyWish['follow'];
  mapping: Mapping;
}>;

async function writeTenant(
  client: pg.ClientBase,
  { tenant, tables, ids, follow, mapping }: Writing,
  legacy: pg.ClientBase,
): Promise<number> {
  let rows = 0;
  await makePlaces(client, tables);
  // The generic plan: a foreign-key check for each of many rows is planned once, at the price of locking all buckets meanwhile.
  // It is made while the tables are still empty, when a sequential scan looks cheapest, and kept while they grow: hence none of those.
  await client.query(
    `BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; SELECT set_config('banyan.tenant_id', '${tenant.id}', true), set_config('banyan.note', 'copy', true)`,
  );
  try {
    await client.query('INSERT INTO public.tenant (id, name) VALUES ($1, $2)', [tenant.id, tenant.name]);
    for (const table of tables) rows += await copyTable(client, legacy, { tenant, table, mapping });
    await client.query(
      `INSERT INTO banyan.id_counter (tenant_id, table_name, last_id)
       SELECT $1, key, value::int FROM json_each_text($2) WHERE key = ANY ($3)`,
      [tenant.id, JSON.stringify(ids), tables.map((table) => table.name)],
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

/** What is held of a table at a time. */
const BATCH_BYTES = 4_194_304;
const prepared = new WeakSet<pg.ClientBase>();

/** COPY cannot put rows behind a fence (PostgreSQL refuses it where there is row-level security), so they are put beside it first. */
async function makePlaces(client: pg.ClientBase, tables: readonly TenantTable[]): Promise<void> {
  if (prepared.has(client)) return;
  const made = tables.map(
    (table) => `CREATE TEMP TABLE ${placeBeside(table)} (LIKE ${table.place}) ON COMMIT DELETE ROWS`,
  );
  await client.query(made.join('; '));
  prepared.add(client);
}

const placeBeside = ({ name }: TenantTable) => `pg_temp.${pg.escapeIdentifier(`beside_${name}`)}`;

/** As PostgreSQL's own text, some megabytes at a time: a tenant may be larger than the memory. */
async function copyTable(
  client: pg.ClientBase,
  legacy: pg.ClientBase,
  { tenant, table, mapping }: Pick<Writing, 'tenant' | 'mapping'> & Readonly<{ table: TenantTable }>,
): Promise<number> {
  const names = table.columns.filter((column) => column !== 'tenant_id');
  const columns = names.map((column) => pg.escapeIdentifier(column)).join(', ');
  const sources = names.map((column) =>
    pg.escapeIdentifier(mapping.toLegacyColumn(table.name, column) ?? column),
  );
  const source = nameSource(tenant, table.name, mapping);
  let [rows, bytes] = [0, 0];
  let batch: Buffer[] = [];
  const put = async () => {
    if (bytes === 0) return;
    const place = placeBeside(table);
    // At the end of the transaction it is emptied by itself.
    if (rows > 0) await client.query(`TRUNCATE ${place}`);
    await copyIn(client, `COPY ${place} (tenant_id, ${columns}) FROM STDIN`, batch);
    const list = `(tenant_id, ${columns})`;
    const { rowCount } = await client.query(
      `INSERT INTO ${table.place} ${list} SELECT tenant_id, ${columns} FROM ${place}`,
    );
    rows += rowCount ?? 0;
    [batch, bytes] = [[], 0];
  };
  const sql = `COPY (SELECT ${Number(tenant.id)}, ${sources.join(', ')} FROM ${source}) TO STDOUT`;
  for await (const piece of copyOut(legacy, sql)) {
    batch.push(piece);
    bytes += piece.length;
    if (bytes >= BATCH_BYTES) await put();
  }
  await put();
  return rows;
}

const nameSource = ({ schema }: LegacyTenant, table: string, mapping: Mapping): string =>
  `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(mapping.toLegacyTable(table) ?? table)}`;

async function withClient<T>(pool: pg.Pool, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}
