import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { deleteTenant, isolateTenant, listTenants, openStore } from '../../src/store/index.ts';
import { newJob } from '../rooms/store/rows.ts';
import { asSuperuser } from '../support/database.ts';
import { hostileRows } from '../support/hostile-rows.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../support/store.ts';
import { asRole, dumpTenants, exportWhole, hashTenants, named, restoreWhole } from '../support/tenants.ts';

const TENANTS = [
  [1, 'acme'],
  [2, 'globex'],
  [3, 'initech'],
] as const;
const ROWS = 3 + 5 + 7 + 2 + 4 + 2 + 3 + 5;

let database: StoreDatabase;
beforeAll(async () => {
  database = await createStoreDatabase();
  // A table of a later migration, whose rows hang on one another.
  await asSuperuser(
    `CREATE TABLE note (tenant_id integer NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, parent_id bigint, words tsvector, at time(3),
       spans int4range[], size integer GENERATED ALWAYS AS (length(body)) STORED, body text NOT NULL DEFAULT 'none', PRIMARY KEY (tenant_id, id),
       CONSTRAINT note_parent_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES note (tenant_id, id)) PARTITION BY LIST (tenant_id);
     SELECT banyan.make_tenant_table('note')`,
    database.ownerUrl,
  );
  for (const [id, name] of TENANTS) {
    await addTenant(database, id, name);
    await asSuperuser(hostileRows(id, id), database.superUrl);
  }
  await asSuperuser(
    `INSERT INTO note (tenant_id, id, parent_id, words, at, spans, body) OVERRIDING SYSTEM VALUE VALUES
       (2, 1, 3, 'a fat cat', '24:00:00', '{"[1,5)",empty}', E'one\\n'), (2, 2, 1, NULL, NULL, '{}', ''), (2, 3, 3, '', '00:00:00.5', NULL, 'é')`,
    database.superUrl,
  );
});
afterAll(() => database.drop());

const remove = (tenant: string) =>
  deleteTenant({ ownerUrl: database.ownerUrl, tenant: named(tenant), ifFollowed: 'refuse', forgetMs: 0 });

test('three tenants are exported, deleted and restored, each value as it was, and the others are untouched', async () => {
  const before = await dumpTenants(database.superUrl);
  for (const [id, name] of TENANTS) {
    const rows = id === 2 ? ROWS + 3 : ROWS;
    const archive = await exportWhole(database.ownerUrl, name);
    expect(await remove(name)).toMatchObject({ tenant: { id, name }, rows });
    const { [id]: _, ...others } = before;
    expect(await dumpTenants(database.superUrl)).toEqual(others);
    const restored = await restoreWhole(database.ownerUrl, archive, undefined, 7 + id * 100);
    expect(restored).toMatchObject({ tenant: { id, name }, from: { id, name }, rows });
    expect(await dumpTenants(database.superUrl)).toEqual(before);
    const again = await exportWhole(database.ownerUrl, name);
    expect(again.toString().split('\n').slice(1, -2)).toEqual(archive.toString().split('\n').slice(1, -2));
  }
});

test('under another name a tenant comes with a number of its own, beside the first one', async () => {
  const before = await dumpTenants(database.superUrl);
  const archive = await exportWhole(database.ownerUrl, 'globex');
  const { tenant, from } = await restoreWhole(database.ownerUrl, archive, 'globex-copy');
  const second = await restoreWhole(database.ownerUrl, archive, 'globex-second');
  expect([tenant.id, from.name, second.tenant.id]).toEqual([1_000_000_000, 'globex', 1_000_000_001]);
  const after = await dumpTenants(database.superUrl);
  expect(after).toEqual({ ...before, [tenant.id]: before[2], [second.tenant.id]: before[2] });
  await remove('globex-second');
  await remove('globex-copy');
  expect(await dumpTenants(database.superUrl)).toEqual(before);
});

test('a free number stays the tenant’s own under another name', async () => {
  const archive = await exportWhole(database.ownerUrl, 'initech');
  await remove('initech');
  const { tenant } = await restoreWhole(database.ownerUrl, archive, 'renamed');
  expect(tenant).toEqual({ id: 3, name: 'renamed' });
  await remove('renamed');
  await restoreWhole(database.ownerUrl, archive);
});

test('a giant goes out of partitions of its own and back into them, or among the others', async () => {
  // isolateTenant cannot give a tenant a partition of its own where a column is computed.
  await asSuperuser('ALTER TABLE note DROP COLUMN size', database.ownerUrl);
  const before = await dumpTenants(database.superUrl);
  await isolateTenant(database.ownerUrl, named('globex'));
  expect((await listTenants(database.ownerUrl)).map(({ name, partition }) => `${name} ${partition}`)).toEqual(
    ['acme shared', 'globex own', 'initech shared'],
  );
  const archive = await exportWhole(database.ownerUrl, 'globex');
  await remove('globex');
  const count = await asRole(database.superUrl, (client) =>
    client.query("SELECT FROM pg_class WHERE relname LIKE '%\\_t2'"),
  );
  expect(count.rowCount).toBe(0);
  await addTenant(database, 2, 'globex');
  await isolateTenant(database.ownerUrl, named('globex'));
  await restoreWhole(database.ownerUrl, archive);
  expect(await dumpTenants(database.superUrl)).toEqual(before);
  const homes = await asRole(database.superUrl, (client) =>
    client.query('SELECT DISTINCT tableoid::regclass::text AS home FROM ai_job WHERE tenant_id = 2'),
  );
  expect(homes.rows).toEqual([{ home: 'ai_job_t2' }]);
});

test('ids go on after the archive’s counters, and after its rows where these are ahead', async () => {
  const archive = await exportWhole(database.ownerUrl, 'acme');
  const { tenant } = await restoreWhole(database.ownerUrl, archive, 'counted');
  const store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  const ids = await store.within(tenant.name, async (tx) => {
    const job = await tx.nextId('ai_job');
    await tx.aiJob.create({ data: newJob(tx, job) });
    return [job, await tx.nextId('chat_message'), await tx.nextId('files_file')];
  });
  expect(ids).toEqual([102, 5, 10]);
  await asSuperuser(
    `DELETE FROM banyan.id_counter WHERE tenant_id = ${tenant.id} AND table_name = 'chat_message';
     UPDATE banyan.id_counter SET last_id = 3 WHERE tenant_id = ${tenant.id} AND table_name = 'ai_job'`,
    database.superUrl,
  );
  const behind = await exportWhole(database.ownerUrl, 'counted');
  await remove('counted');
  await restoreWhole(database.ownerUrl, behind);
  const later = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  const next = await later.within(tenant.name, async (tx) => [
    await tx.nextId('ai_job'),
    await tx.nextId('chat_message'),
  ]);
  expect(next).toEqual([103, 5]);
  await Promise.all([store.close(), later.close()]);
  await remove('counted');
});

test('an export is of one moment, whatever is written meanwhile', async () => {
  const { exportTenant } = await import('../../src/store/index.ts');
  const pieces: Buffer[] = [];
  for await (const piece of exportTenant({ ownerUrl: database.ownerUrl, tenant: named('acme') })) {
    if (pieces.length === 0)
      await asSuperuser(
        `BEGIN; SELECT set_config('banyan.tenant_id', '1', true); INSERT INTO django_session (tenant_id, session_key, session_data, expire_date) VALUES (1, 'later', 'x', now()); COMMIT`,
        database.superUrl,
      );
    pieces.push(piece);
  }
  expect(Buffer.concat(pieces).toString()).not.toContain('later\tx');
  expect((await exportWhole(database.ownerUrl, 'acme')).toString()).toContain('later\tx');
});

test('neither an export nor a restoring changes anybody else', async () => {
  const { 1: _, ...before } = await hashTenants(database.superUrl);
  const archive = await exportWhole(database.ownerUrl, 'acme');
  await remove('acme');
  await restoreWhole(database.ownerUrl, archive);
  const { 1: __, ...after } = await hashTenants(database.superUrl);
  expect(after).toEqual(before);
});
