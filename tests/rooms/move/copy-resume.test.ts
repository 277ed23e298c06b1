import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { seed } from '../../../legacy-stub/index.ts';
import { type PreparedFollow, type PrepareWish, prepareFollow } from '../../../src/move/index.ts';
import { deleteTenant, exportTenant, listTenants } from '../../../src/store/index.ts';
import type { TenantName } from '../../../src/vocabulary/index.ts';
import {
  connect,
  dumpRows,
  type FollowedHouse,
  startFollowedHouse,
  TENANT_TABLES,
} from '../../support/follow.ts';
import { until } from '../../support/house.ts';
import { randomWrites } from './random-writes.ts';

/** Each table of each tenant is a chunk, and a piece of 64 KB is one. */
const TINY = 1;
const SCHEMAS = { acme: 1, globex: 2, initech: 3, umbrella: 4 } as const;

let house: FollowedHouse;
beforeAll(async () => {
  house = await startFollowedHouse({ tenants: 1 });
  await seed(house.legacyUrl, { tenants: 4 });
  for (const schema of ['globex', 'initech'])
    await house.legacy.query(
      `INSERT INTO ${schema}.chat_message (channel_id, author_id, body, metadata, created_at)
       SELECT 1, 1, repeat(n::text, 40), '{}', now() FROM generate_series(1, 2500) n;
       INSERT INTO ${schema}.django_session SELECT md5(n::text), E'a\\tb\\\\' || n, now() FROM generate_series(1, 700) n`,
    );
});
afterAll(() => house.close());

const copy = (more: Partial<PrepareWish> = {}): Promise<PreparedFollow> =>
  prepareFollow({
    legacyUrl: house.legacyUrl,
    ownerUrl: house.database.ownerUrl,
    slot: house.slot,
    atOnce: 2,
    chunkBytes: TINY,
    ...more,
  });

/** What kill -9 leaves behind: connections that end in the middle of something, on one side or on both. */
const kill = (which: readonly string[]) =>
  house.superuser.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'banyan copy' AND datname = ANY ($1)`,
    [which],
  );

async function startWriting(schemas: readonly string[]): Promise<() => Promise<number>> {
  const client = await connect(house.legacyUrl);
  let [isOver, done] = [false, 0];
  const writing = (async () => {
    const writers = schemas.map((schema, nr) => randomWrites(17 + nr, schema));
    while (!isOver) {
      // Two random writes may want the same key: then legacy has refused one.
      for (const write of writers)
        await client.query(`BEGIN; ${write().join('; ')}; COMMIT`).then(
          () => (done += 1),
          () => client.query('ROLLBACK'),
        );
      await wait(25);
    }
  })();
  return async () => {
    isOver = true;
    await writing;
    await client.end();
    return done;
  };
}

const seen = async () => (await house.store.tenants.list()).map(({ name }) => name as string);
const arriving = async () =>
  (
    await house.superuser.query<{ name: string }>(
      'SELECT t.name FROM banyan.arriving_tenant a JOIN public.tenant t ON t.id = a.tenant ORDER BY t.id',
    )
  ).rows.map(({ name }) => name);

async function expectSame(schemas: readonly (keyof typeof SCHEMAS)[]): Promise<void> {
  await house.catchUp();
  for (const schema of schemas)
    expect([schema, await dumpRows(house.superuser, { tenantId: SCHEMAS[schema] })]).toEqual([
      schema,
      await dumpRows(house.legacy, { schema }),
    ]);
}

test('row-113-crash-and-resume: a copy that is killed again and again, while legacy writes and another tenant follows, ends with the same rows', async () => {
  const databases = [house.database.ownerUrl, house.legacyUrl].map((url) => new URL(url).pathname.slice(1));
  const stop = await startWriting(['acme', 'globex', 'initech']);
  let [kills, broken] = [0, 0];
  let last: PreparedFollow | undefined;
  for (let run = 1; last === undefined; run += 1) {
    let events = 0;
    const which = [[databases[0]], [databases[1]], databases][run % 3] as string[];
    const ended = await copy({
      onProgress: () => {
        events += 1;
        // At another place each time, and again where nothing was there to be killed.
        if (run > 20 || events < 2 + ((run * 7) % 5)) return;
        kills += 1;
        void kill(which);
      },
    }).catch((error: unknown) => error as Error);
    if (!(ended instanceof Error)) last = ended;
    else broken += 1;
    if (ended instanceof Error) expect(ended.message).toMatch(/was lost|cannot be read at the moment \(/);
    const half = await arriving();
    expect((await seen()).filter((name) => half.includes(name))).toEqual([]);
  }
  expect(await stop()).toBeGreaterThan(0);
  expect(kills).toBeGreaterThanOrEqual(broken);
  expect(broken).toBeGreaterThanOrEqual(5);
  expect(last).toMatchObject({ failed: [], ended: 'whole', notFollowed: [] });
  await expectSame(['acme', 'globex', 'initech', 'umbrella']);
  expect(await arriving()).toEqual([]);
}, 120_000);

test('row-112-newer-row, row-113-crash-and-resume: run again it touches nobody who follows, and leaves no slot behind', async () => {
  const stop = await startWriting(['acme', 'globex']);
  await until(async () => (await house.catchUp()) > 0n, 'something to be written');
  const { rows: before } = await house.superuser.query(
    'SELECT * FROM banyan.followed_tenant ORDER BY tenant_id',
  );
  expect(await copy()).toMatchObject({ tenants: 0, rows: 0, failed: [] });
  const { rows: after } = await house.superuser.query(
    'SELECT * FROM banyan.followed_tenant ORDER BY tenant_id',
  );
  expect(after).toEqual(before);
  await stop();
  await expectSame(['acme', 'globex']);
  const { rows } = await house.legacy.query(
    `SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'banyan_copy_%' AND database = current_database()`,
  );
  expect(rows).toEqual([]);
}, 60_000);

test('half a tenant is seen by nobody: a stopped copy stays hidden until the next run has ended it', async () => {
  const stopping = new AbortController();
  await seed(house.legacyUrl, { tenants: 5 });
  const stopped = await copy({
    signal: stopping.signal,
    onProgress: ({ rows }) => (rows > 10 ? stopping.abort() : undefined),
  });
  expect(stopped).toMatchObject({ tenants: 0, ended: 'stopped', notFollowed: [] });
  const [half = ''] = await arriving();
  expect(half).toBe('tenant-005');
  expect(await seen()).not.toContain(half);
  expect(await house.store.tenants.find(half as TenantName)).toBeUndefined();
  await expect(
    house.store.within(half as TenantName, async (tx) => tx.authUser.findMany()),
  ).rejects.toMatchObject({ name: 'TenantUnknown' });
  // What has arrived is old by now: rows have gone, changed, and exchanged what only one of them may have.
  await house.legacy.query(`BEGIN; SET LOCAL search_path TO tenant_005;
    UPDATE auth_user SET username = 'free' WHERE id = 1; UPDATE auth_user SET username = 'was_1' WHERE id = 2;
    UPDATE auth_user SET username = 'was_2' WHERE id = 1;
    DELETE FROM chat_message WHERE id % 3 = 0; UPDATE chat_message SET id = id + 5000 WHERE id % 3 = 1;
    DELETE FROM files_file WHERE id = 1; COMMIT`);
  expect(await copy()).toMatchObject({ tenants: 1, ended: 'whole', failed: [] });
  expect(await seen()).toContain(half);
  expect(await dumpRows(house.superuser, { tenantId: 5 })).toEqual(
    await dumpRows(house.legacy, { schema: 'tenant_005' }),
  );
}, 60_000);

test('row-113-crash-and-resume: rows that exchange a unique name between two runs find their places', async () => {
  const names = (one: string, other: string) =>
    house.legacy.query(
      `UPDATE tenant_006.auth_user SET username = 'free' WHERE id = 1; UPDATE tenant_006.auth_user SET username = $n$${other}$n$ WHERE id = 2;
       UPDATE tenant_006.auth_user SET username = $n$${one}$n$ WHERE id = 1`,
    );
  await seed(house.legacyUrl, { tenants: 6 });
  await names('one', 'other');
  const stopping = new AbortController();
  await copy({
    signal: stopping.signal,
    onProgress: ({ rows }) => (rows > 40 ? stopping.abort() : undefined),
  });
  expect(await arriving()).toEqual(['tenant-006']);
  await names('other', 'one');
  expect(await copy()).toMatchObject({ tenants: 1, failed: [] });
  await house.catchUp();
  expect(await dumpRows(house.superuser, { tenantId: 6 })).toEqual(
    await dumpRows(house.legacy, { schema: 'tenant_006' }),
  );
}, 60_000);

test('row-111-late-commit: what was written before the copy began and is committed later has arrived, whatever its id', async () => {
  await seed(house.legacyUrl, { tenants: 7 });
  const [early, late] = [await connect(house.legacyUrl), await connect(house.legacyUrl)];
  const write = (client: typeof early, id: number) =>
    client.query(
      `INSERT INTO tenant_007.chat_message (id, channel_id, author_id, body, metadata, created_at) VALUES (${id}, 1, 1, 'late', '{}', now())`,
    );
  await early.query('BEGIN');
  await write(early, 5_000);
  await write(late, 6_000);
  const waits: (string | undefined)[] = [];
  const copying = copy({ onRest: (reason) => waits.push(reason) });
  // A copy can begin only when everything that is open has ended; it says so meanwhile.
  await until(
    () => waits.some((reason) => reason?.includes('open for long')),
    'the copy to say why it waits',
  );
  await early.query('COMMIT');
  expect(await copying).toMatchObject({ tenants: 1, failed: [] });
  await house.catchUp();
  const { rows } = await house.superuser.query(
    'SELECT id FROM chat_message WHERE tenant_id = 7 AND id >= 5000 ORDER BY id',
  );
  expect(rows).toEqual([{ id: 5_000 }, { id: 6_000 }]);
  await Promise.all([early.end(), late.end()]);
}, 60_000);

test('row-118-schema-names: schemas of any name, and one that has another tenant’s name, bring each row to its own tenant', async () => {
  await seed(house.legacyUrl, { tenants: 9 });
  const odd = 'Odd "one".x; --';
  const schemas = [
    [8, odd],
    [9, 'tenant_008'],
  ] as const;
  await house.legacy.query(
    `ALTER SCHEMA tenant_008 RENAME TO "Odd ""one"".x; --"; ALTER SCHEMA tenant_009 RENAME TO tenant_008;
     UPDATE public.tenants_tenant SET schema_name = $n$${odd}$n$ WHERE id = 8; UPDATE public.tenants_tenant SET schema_name = 'tenant_008' WHERE id = 9;
     DELETE FROM tenant_008.chat_message WHERE id > 7`,
  );
  expect(await copy()).toMatchObject({ tenants: 2, failed: [] });
  for (const [id, schema] of schemas)
    await house.legacy.query(
      `INSERT INTO ${pg.escapeIdentifier(schema)}.chat_message (channel_id, author_id, body, metadata, created_at)
       SELECT 1, 1, 'of ${id}', '{}', now() FROM generate_series(1, ${id})`,
    );
  await house.catchUp();
  for (const [id, schema] of schemas) {
    const place = pg.escapeIdentifier(schema);
    const count = (where: (table: string) => string) =>
      TENANT_TABLES.map((table) => `(SELECT count(*)::int FROM ${where(table)}) AS ${table}`).join(', ');
    const { rows: before } = await house.legacy.query(`SELECT ${count((table) => `${place}.${table}`)}`);
    const { rows: after } = await house.superuser.query(
      `SELECT ${count((table) => `${table} WHERE tenant_id = ${id}`)}`,
    );
    expect([id, after]).toEqual([id, before]);
    const bodies = `SELECT DISTINCT body FROM chat_message WHERE tenant_id = ${id} AND body LIKE 'of %'`;
    expect((await house.superuser.query(bodies)).rows).toEqual([{ body: `of ${id}` }]);
  }
}, 60_000);

test('half a tenant can be taken away, but not exported, and it can be copied anew', async () => {
  const name = 'tenant-010' as TenantName;
  const { ownerUrl } = house.database;
  await seed(house.legacyUrl, { tenants: 10 });
  const stopping = new AbortController();
  await copy({
    signal: stopping.signal,
    onProgress: ({ rows }) => (rows > 10 ? stopping.abort() : undefined),
  });
  expect((await listTenants(ownerUrl)).find((one) => one.name === name)?.state).toBe('arriving');
  await expect(exportTenant({ ownerUrl, tenant: name }).next()).rejects.toThrow(
    /is being copied from legacy/,
  );
  await deleteTenant({ ownerUrl, tenant: name, ifFollowed: 'refuse', forgetMs: 0 });
  expect([await arriving(), (await listTenants(ownerUrl)).some((one) => one.name === name)]).toEqual([
    [],
    false,
  ]);
  expect(await copy()).toMatchObject({ tenants: 1, failed: [] });
  expect((await listTenants(ownerUrl)).find((one) => one.name === name)).toMatchObject({
    state: 'here',
    slot: house.slot,
  });
}, 60_000);
