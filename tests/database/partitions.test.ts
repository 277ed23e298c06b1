import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { isolateTenant, openStore, type Store, shareTenant, TenantUnknown } from '../../src/store/index.ts';
import type { TenantName } from '../../src/vocabulary/index.ts';
import { newChannel, newJob, newUser } from '../rooms/store/rows.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../support/store.ts';

const TABLES = [
  'ai_job',
  'auth_user',
  'chat_channel',
  'chat_message',
  'django_session',
  'files_chunk',
  'files_file',
];

let database: StoreDatabase;
let store: Store;
const tenants: TenantName[] = [];

beforeAll(async () => {
  database = await createStoreDatabase();
  store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  for (let id = 1; id <= 5; id += 1) {
    const { name } = await addTenant(database, id, `tenant-${id}`);
    tenants.push(name);
  }
  for (const name of tenants) await fill(name);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

const [ordinary, giant] = ['tenant-1', 'tenant-4'] as TenantName[] as [TenantName, TenantName];

/** A row in each table. */
async function fill(name: TenantName): Promise<void> {
  await store.within(name, async (tx) => {
    await tx.authUser.create({ data: newUser(tx, await tx.nextId('auth_user'), 'ada') });
    await tx.aiJob.create({ data: newJob(tx, await tx.nextId('ai_job')) });
    await tx.chatChannel.create({ data: newChannel(tx, await tx.nextId('chat_channel'), 'general') });
    await tx.chatMessage.create({
      data: {
        tenantId: tx.tenantId,
        id: await tx.nextId('chat_message'),
        channelId: 1,
        authorId: 1,
        body: name,
      },
    });
    await tx.djangoSession.create({
      data: { tenantId: tx.tenantId, sessionKey: 'k', sessionData: 'x', expireDate: '2030-01-01T00:00:00Z' },
    });
    await tx.filesFile.create({
      data: {
        tenantId: tx.tenantId,
        id: await tx.nextId('files_file'),
        ownerId: 1,
        name: 'a',
        contentType: 'text/plain',
        size: 3n,
        sha256: 'a'.repeat(64),
      },
    });
    await tx.filesChunk.create({
      data: { tenantId: tx.tenantId, fileId: 1, seq: 0, data: Buffer.from(name) },
    });
  });
}

async function asRole<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return work(client).finally(() => client.end());
}

type Plan = { 'Node Type': string; 'Relation Name'?: string; Plans?: Plan[]; 'Subplans Removed'?: number };

/** The relations that a plan for this tenant reads, in the way the store sends queries: the key as a parameter, the tenant set. */
function planFor(tenant: number, sql: string): Promise<{ relations: string[]; removedLater: number }> {
  return asRole(database.appUrl, async (client) => {
    await client.query(`BEGIN; SELECT set_config('banyan.tenant_id', '${tenant}', true)`);
    const { rows } = await client.query(`EXPLAIN (FORMAT JSON) ${sql}`, [tenant]);
    const relations = new Set<string>();
    let removedLater = 0;
    const visit = (plan: Plan): void => {
      // ModifyTable names the table that was written in the statement; what it changes is what its scans read.
      if (plan['Relation Name'] && plan['Node Type'] !== 'ModifyTable') relations.add(plan['Relation Name']);
      removedLater += plan['Subplans Removed'] ?? 0;
      for (const child of plan.Plans ?? []) visit(child);
    };
    visit(rows[0]['QUERY PLAN'][0].Plan);
    return { relations: [...relations].toSorted(), removedLater };
  });
}

const QUERIES: readonly [string, string, readonly string[]][] = [
  ['one row by its key', 'SELECT * FROM ai_job WHERE tenant_id = $1 AND id = 1', ['ai_job']],
  [
    'a page',
    'SELECT * FROM chat_message WHERE tenant_id = $1 AND channel_id = 1 ORDER BY id DESC LIMIT 20',
    ['chat_message'],
  ],
  ['an aggregate', 'SELECT status, count(*) FROM ai_job WHERE tenant_id = $1 GROUP BY status', ['ai_job']],
  [
    'a join over both keys',
    'SELECT * FROM chat_channel c JOIN chat_message m ON m.tenant_id = c.tenant_id AND m.channel_id = c.id WHERE c.tenant_id = $1',
    ['chat_channel', 'chat_message'],
  ],
  [
    'a join of three tables',
    `SELECT * FROM chat_message m JOIN auth_user u ON u.tenant_id = m.tenant_id AND u.id = m.author_id
     JOIN chat_channel c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id WHERE m.tenant_id = $1`,
    ['auth_user', 'chat_channel', 'chat_message'],
  ],
  ['an update', "UPDATE ai_job SET status = 'done' WHERE tenant_id = $1 AND id = 1", ['ai_job']],
  ['a delete', 'DELETE FROM files_chunk WHERE tenant_id = $1 AND file_id = 1', ['files_chunk']],
];

/** The partition that holds a tenant's rows in one table. */
async function homeOf(tenant: number, table: string): Promise<string> {
  return asRole(database.superUrl, async (client) => {
    const { rows } = await client.query(
      `SELECT DISTINCT tableoid::regclass::text AS home FROM ${table} WHERE tenant_id = $1`,
      [tenant],
    );
    expect(rows).toHaveLength(1);
    return rows[0].home as string;
  });
}

describe('a tenant of the shared partitions', () => {
  test.each(QUERIES)('touches one partition per table: %s', async (_, sql, tables) => {
    for (const tenant of [1, 2, 3]) {
      const plan = await planFor(tenant, sql);
      const homes = await Promise.all(tables.map((table) => homeOf(tenant, table)));
      expect(plan).toEqual({ relations: homes.toSorted(), removedLater: 0 });
    }
  });

  test('locks the table, the shared part and one bucket for a query of the store, not all buckets', async () => {
    const locked = await lockedBy(ordinary, (tx) => tx.aiJob.findMany({ where: { tenantId: tx.tenantId } }));
    expect(locked).toEqual(['ai_job', 'ai_job_shared', await homeOf(1, 'ai_job')].toSorted());
  });

  test('locks few partitions for a write with its foreign-key check, also after many of the same', async () => {
    const locked = await lockedBy(ordinary, async (tx) => {
      for (let turn = 0; turn < 12; turn += 1) {
        await tx.aiJob.create({ data: newJob(tx, 1_000 + turn) });
      }
      throw new Undone(await readLocks(tx));
    });
    const homes = [await homeOf(1, 'ai_job'), await homeOf(1, 'auth_user')];
    expect(locked.filter((name) => /_h\d\d$/.test(name))).toEqual(homes.toSorted());
  });
});

class Undone extends Error {
  readonly locks: readonly string[];
  constructor(locks: readonly string[]) {
    super('undone');
    this.locks = locks;
  }
}

type Work = Parameters<Store['within']>[1];
type Tx = Parameters<Work>[0];

async function readLocks(tx: Tx): Promise<readonly string[]> {
  const rows = await tx.$queryRaw<{ name: string }[]>`
    SELECT DISTINCT c.relname::text AS name FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace /* tenant_id */`;
  return rows.map((row) => row.name).toSorted();
}

async function lockedBy(tenant: TenantName, work: Work): Promise<readonly string[]> {
  try {
    return await store.within(tenant, async (tx) => {
      await work(tx);
      return readLocks(tx);
    });
  } catch (error) {
    if (error instanceof Undone) return error.locks;
    throw error;
  }
}

describe('a giant', () => {
  let before: unknown;

  beforeAll(async () => {
    before = await readRows();
    await isolateTenant(database.ownerUrl, giant);
  });

  test('has a partition of its own in every table, and nobody else is in it', async () => {
    for (const table of TABLES) expect(await homeOf(4, table)).toBe(`${table}_t4`);
    for (const table of TABLES) expect(await homeOf(1, table)).toMatch(/_h\d\d$/);
  });

  test('keeps every row, and so do the others', async () => {
    expect(await readRows()).toEqual(before);
  });

  test.each(QUERIES)('touches its own partition only: %s', async (_, sql, tables) => {
    const plan = await planFor(4, sql);
    expect(plan).toEqual({ relations: tables.map((table) => `${table}_t4`), removedLater: 0 });
  });

  test('goes on reading and writing, fenced like before', async () => {
    const id = await store.within(giant, async (tx) => {
      const next = await tx.nextId('ai_job');
      await tx.aiJob.create({ data: newJob(tx, next) });
      return next;
    });
    expect(id).toBe(2);
    await expect(
      asRole(database.appUrl, (client) => client.query('SELECT 1 FROM ai_job_t4')),
    ).rejects.toThrow(/permission denied/);
    const refused = store.within(giant, (tx) => tx.aiJob.create({ data: newJob(tx, 3, 999) }));
    await expect(refused).rejects.toMatchObject({ code: 'P2003' });
    const other = await store.within(
      ordinary,
      (tx) => tx.$queryRaw`SELECT id FROM ai_job WHERE tenant_id = 4`,
    );
    expect(other).toEqual([]);
  });

  test('passes the checks of start-up', async () => {
    const again = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
    await expect(again.ping()).resolves.toBeUndefined();
    await again.close();
  });

  test('is not isolated twice', async () => {
    await expect(isolateTenant(database.ownerUrl, giant)).resolves.toEqual([]);
  });

  test('can go back among the others, with every row', async () => {
    const rows = await readRows();
    const gone = await shareTenant(database.ownerUrl, giant);
    expect(gone).toHaveLength(TABLES.length);
    for (const table of TABLES) expect(await homeOf(4, table)).toMatch(/_h\d\d$/);
    expect(await readRows()).toEqual(rows);
    await expect(shareTenant(database.ownerUrl, giant)).resolves.toEqual([]);
  });

  test('a tenant nobody knows cannot be isolated', async () => {
    await expect(isolateTenant(database.ownerUrl, 'nobody' as TenantName)).rejects.toBeInstanceOf(
      TenantUnknown,
    );
  });

  test('isolation gives up when the store is never quiet, and changes nothing', async () => {
    let release = (): void => undefined;
    const busy = store.within(ordinary, async (tx) => {
      await tx.aiJob.count({ where: { tenantId: tx.tenantId } });
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    await expect(isolateTenant(database.ownerUrl, giant, { lockTimeoutMs: 200 })).rejects.toThrow(
      /lock timeout/,
    );
    release();
    await busy;
    expect(await homeOf(4, 'ai_job')).toMatch(/_h\d\d$/);
  });
});

function readRows(): Promise<unknown> {
  return asRole(database.superUrl, async (client) => {
    const { rows } = await client.query(
      `SELECT ${TABLES.map((table) => `(SELECT json_agg(t ORDER BY t::text) FROM ${table} t) AS ${table}`).join(', ')}`,
    );
    return rows[0];
  });
}
