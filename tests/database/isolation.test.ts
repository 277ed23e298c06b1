import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { TenantTransaction } from '../../src/store/index.ts';
import { openTwoTenants, type TwoTenants } from '../rooms/store/open.ts';
import { newChannel, newJob, newUser } from '../rooms/store/rows.ts';

// The policies alone, without the guard in front of them: every unscoped query is let through and only counted.
let house: TwoTenants;
beforeAll(async () => {
  house = await openTwoTenants({ onUnscoped: 'count' });
  await house.store.within(house.acme.name, async (tx) => {
    await tx.authUser.create({ data: newUser(tx, 2, 'only-in-acme') });
    await tx.chatChannel.create({ data: newChannel(tx, 1, 'acme only') });
    await tx.aiJob.create({ data: newJob(tx, 1) });
  });
});
afterAll(() => house.close());

const asGlobex = <T>(work: (tx: TenantTransaction) => Promise<T>) =>
  house.store.within(house.globex.name, work);

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return work(client).finally(() => client.end());
}

const setTenant = (client: pg.Client, tenant: string, local: boolean) =>
  client.query("SELECT set_config('banyan.tenant_id', $1, $2)", [tenant, local]);

describe("one tenant and another's rows", () => {
  test('reads none, counts none, by model or by raw SQL', async () => {
    const seen = await asGlobex(async (tx) => ({
      users: (await tx.authUser.findMany()).map((user) => user.username),
      jobs: await tx.aiJob.count(),
      raw: await tx.$queryRaw`SELECT tenant_id FROM ai_job UNION ALL SELECT tenant_id FROM chat_channel`,
      named: await tx.$queryRaw`SELECT id FROM ai_job WHERE tenant_id = 1`,
    }));
    expect(seen).toEqual({ users: ['ada-globex'], jobs: 0, raw: [], named: [] });
  });

  test('changes none and deletes none', async () => {
    const changed = await asGlobex(async (tx) => ({
      updated: (await tx.chatChannel.updateMany({ data: { topic: 'mine now' } })).count,
      deleted: await tx.$executeRaw`DELETE FROM ai_job WHERE tenant_id = 1`,
    }));
    expect(changed).toEqual({ updated: 0, deleted: 0 });
    const jobs = await house.store.within(house.acme.name, (tx) =>
      tx.aiJob.count({ where: { tenantId: tx.tenantId } }),
    );
    expect(jobs).toBe(1);
  });

  test('cannot put a row into the other, nor give one away', async () => {
    const insert = asGlobex(
      (tx) =>
        tx.$executeRaw`INSERT INTO banyan.id_counter (tenant_id, table_name, last_id) VALUES (1, 'ai_job', 99)`,
    );
    await expect(insert).rejects.toThrow(/row-level security/);
    const give = asGlobex((tx) => tx.$executeRaw`UPDATE auth_user SET tenant_id = 1, id = 999`);
    await expect(give).rejects.toThrow(/row-level security/);
  });

  test("row-099-foreign-keys: cannot learn by a foreign key which of the other's rows exist: existing and absent fail alike", async () => {
    const refer = (userId: number) =>
      asGlobex((tx) => tx.aiJob.create({ data: newJob(tx, 50, userId) })).then(
        () => 'accepted',
        (error: Error & { code?: string }) => error.code,
      );
    expect(await refer(2)).toBe('P2003');
    expect(await refer(9_999)).toBe('P2003');
  });

  test('may use the same ids and names', async () => {
    const job = await asGlobex((tx) => tx.aiJob.create({ data: newJob(tx, 1) }));
    expect(job).toMatchObject({ tenantId: 2, id: 1 });
  });
});

describe('the app role without a tenant', () => {
  test('row-095-unset-setting: sees no rows and gets no error, on a fresh connection and after a tenant was set on it', async () => {
    await withClient(house.database.appUrl, async (client) => {
      const count = async () => (await client.query('SELECT count(*)::int AS n FROM auth_user')).rows[0].n;
      expect(await count()).toBe(0);
      await client.query('BEGIN');
      await setTenant(client, '1', true);
      expect(await count()).toBe(2);
      await client.query('COMMIT');
      expect((await client.query("SELECT current_setting('banyan.tenant_id', true) AS s")).rows[0].s).toBe(
        '',
      );
      expect(await count()).toBe(0);
    });
  });

  test('cannot write', async () => {
    await withClient(house.database.appUrl, async (client) => {
      await expect(client.query("INSERT INTO banyan.id_counter VALUES (1, 'ai_job', 5)")).rejects.toThrow(
        /row-level security/,
      );
    });
  });

  test('row-097-partitions: cannot read a partition, nor the other gateway functions', async () => {
    await withClient(house.database.appUrl, async (client) => {
      await setTenant(client, '1', false);
      await expect(client.query('SELECT * FROM auth_user_h00')).rejects.toThrow(/permission denied/);
      await expect(client.query('SELECT * FROM auth_user_shared')).rejects.toThrow(/permission denied/);
      await expect(client.query("SELECT banyan.fence('auth_user')")).rejects.toThrow(/permission denied/);
      await expect(client.query('ALTER TABLE auth_user DISABLE ROW LEVEL SECURITY')).rejects.toThrow(
        /must be owner/,
      );
      await expect(client.query('CREATE TABLE mine (id int)')).rejects.toThrow(/permission denied/);
      await expect(client.query('TRUNCATE auth_user')).rejects.toThrow(/permission denied/);
    });
  });
});

test('the owner without a tenant sees no rows either, in the tables and in their partitions', async () => {
  await withClient(house.database.ownerUrl, async (client) => {
    const { rows } = await client.query<{ tables: string[] }>(
      `SELECT array_agg(oid::regclass::text) AS tables FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname ~ '^auth_user(_shared|_h\\d+)?$' AND relkind IN ('r', 'p')`,
    );
    const tables = rows[0]?.tables ?? [];
    expect(tables).toHaveLength(18);
    for (const table of tables) expect((await client.query(`SELECT 1 FROM ${table}`)).rowCount).toBe(0);
  });
});

test('row-093-tenant-setting: a connection that served one tenant shows nothing of it to the next, whatever happened on it', async () => {
  const { openStore } = await import('../../src/store/index.ts');
  const store = await openStore({
    url: house.database.appUrl,
    emit: () => undefined,
    poolSize: 1,
    onUnscoped: 'count',
  });
  try {
    const names = async (tx: TenantTransaction) =>
      (await tx.authUser.findMany()).map((user) => user.tenantId);
    for (let turn = 0; turn < 10; turn += 1) {
      const [mine, other] = turn % 2 === 0 ? [house.acme, house.globex] : [house.globex, house.acme];
      expect(new Set(await store.within(mine.name, names))).toEqual(new Set([mine.id]));
      await store.within(other.name, (tx) => tx.$queryRaw`SELECT 1 / 0`).catch(() => undefined);
      await store.rehearse(other.name, (tx) => tx.authUser.updateMany({ data: { lastName: 'x' } }));
    }
  } finally {
    await store.close();
  }
});

test('many tenants at once over few connections each see only themselves', async () => {
  const seen = await Promise.all(
    Array.from({ length: 60 }, async (_, turn) => {
      const tenant = turn % 3 === 0 ? house.acme : house.globex;
      const users = await house.store.within(tenant.name, (tx) => tx.authUser.findMany());
      return users.every((user) => user.tenantId === tenant.id) && users.length > 0;
    }),
  );
  expect(seen).not.toContain(false);
});

test('the same findUnique by several tenants in one tick is answered to each by its own row', async () => {
  const rows = await Promise.all(
    [house.acme, house.globex, house.acme, house.globex].map(({ name }) =>
      house.store.within(name, (tx) =>
        tx.authUser.findUnique({ where: { tenantId_id: { tenantId: tx.tenantId, id: 1 } } }),
      ),
    ),
  );
  expect(rows.map((row) => row?.username)).toEqual(['ada-acme', 'ada-globex', 'ada-acme', 'ada-globex']);
});
