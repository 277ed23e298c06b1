import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { type Following, forgetFollow, openFollow, prepareFollow } from '../../../src/move/index.ts';
import { startEmbeddedPostgres } from '../../../src/operate/demo/embedded-postgres.ts';
import { copyTenants, openStore, type Store } from '../../../src/store/index.ts';
import type { BanyanEvent, Position } from '../../../src/vocabulary/index.ts';
import { createDatabase } from '../../support/database.ts';
import { connect, dumpRows, type FollowedHouse, startFollowedHouse } from '../../support/follow.ts';
import { freePort } from '../../support/free-port.ts';
import { until } from '../../support/house.ts';
import { createStoreDatabase } from '../../support/store.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function openHouse(): Promise<FollowedHouse> {
  const house = await startFollowedHouse();
  closers.push(house.close);
  await house.catchUp();
  return house;
}

type Second = Readonly<{ store: Store; follower: Following; events: BanyanEvent[] }>;

/** Another instance of the gateway on the same databases. */
async function openSecond(house: FollowedHouse, slot = house.slot): Promise<Second> {
  const events: BanyanEvent[] = [];
  const emit = (event: BanyanEvent) => {
    if (!event.type.startsWith('store_') && event.type !== 'follow_measured') events.push(event);
  };
  const store = await openStore({ url: house.database.appUrl, emit, onUnscoped: 'refuse' });
  const follower = openFollow({ legacyUrl: house.legacyUrl, slot, store: store.follow, emit });
  closers.push(async () => {
    await follower.close();
    await store.close();
  });
  return { store, follower, events };
}

const stopped = (events: readonly BanyanEvent[]) =>
  events.flatMap((event) =>
    event.type === 'follow_changed' && event.state === 'stopped' ? [event.detail] : [],
  );
const kill = (house: FollowedHouse, name: string) =>
  house.superuser.query(
    `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity WHERE datname IN (current_database(), $2) AND application_name = $1`,
    [name, new URL(house.legacyUrl).pathname.slice(1)],
  );
const INSERT = `INSERT INTO acme.chat_message (channel_id, author_id, body, metadata, created_at) VALUES (1, 1, 'x', '{}', now())`;

async function expectSame(house: FollowedHouse): Promise<void> {
  await house.catchUp();
  expect(await dumpRows(house.superuser, { tenantId: 1 })).toEqual(
    await dumpRows(house.legacy, { schema: 'acme' }),
  );
}

test('when legacy or the store ends its connections, following goes on where it stood: nothing is lost, nothing comes twice', async () => {
  const house = await openHouse();
  let isWriting = true;
  const writer = (async () => {
    const client = await connect(house.legacyUrl);
    while (isWriting) {
      await client.query(
        `BEGIN; ${INSERT}; UPDATE acme.ai_job SET prompt_tokens = prompt_tokens + 1 WHERE id <= 3; COMMIT`,
      );
      await wait(5);
    }
    await client.end();
  })();
  for (let turn = 0; turn < 6; turn += 1) {
    await wait(150);
    // Both the walsender and the follower's own connection to the store go by this name.
    await kill(house, 'banyan follow');
  }
  isWriting = false;
  await writer;
  await expectSame(house);
  const { rows } = await house.superuser.query(
    `SELECT count(*)::int AS n, count(DISTINCT key ->> 'id')::int AS ids FROM banyan.row_change WHERE change = 'insert' AND table_name = 'chat_message'`,
  );
  expect(rows[0].n).toBe(rows[0].ids);
  expect(stopped(house.events).length).toBeGreaterThan(0);
  expect(house.follower.state()).toEqual({ kind: 'following', by: 'itself' });
}, 60_000);

test('a follower that was closed and opened again goes on where it stood', async () => {
  const house = await openHouse();
  await house.follower.close();
  await house.legacy.query(INSERT);
  await house.legacy.query('DELETE FROM acme.chat_message WHERE id < 5');
  const second = await openSecond(house);
  await second.follower.catchUp(AbortSignal.timeout(10_000));
  expect(await dumpRows(house.superuser, { tenantId: 1 })).toEqual(
    await dumpRows(house.legacy, { schema: 'acme' }),
  );
});

test('only one of several instances follows; the others look on, know the same, and one takes over', async () => {
  const house = await openHouse();
  const second = await openSecond(house);
  await until(() => second.follower.state().kind === 'following', 'the second to look on');
  expect(second.follower.state()).toEqual({ kind: 'following', by: 'another' });
  expect(second.events).toMatchObject([
    { type: 'follow_changed', detail: `by the slot "${house.slot}", which another instance reads` },
  ]);
  const catchUp = () => second.follower.catchUp(AbortSignal.timeout(10_000));
  for (let turn = 0; turn < 10; turn += 1) {
    const before = await catchUp();
    await wait(120);
    const heard = second.follower.heardBy(Date.now()) ?? (0n as Position);
    const { rows } = await house.legacy.query(`${INSERT} RETURNING id`);
    const after = await catchUp();
    expect(heard).toBeGreaterThanOrEqual(before);
    const changes = (await second.store.journal.between(house.acme, heard, after)).flatMap((one) => one.rows);
    expect(changes.map(({ key }) => key)).toEqual([`{"id":${rows[0].id}}`]);
    const at = { at: { position: after, nextIds: {} }, manner: 'read_only' } as const;
    const seen = await second.store.rehearsal(house.acme, 'x', at, (scope) =>
      scope.within((tx) => tx.chatMessage.count({ where: { tenantId: tx.tenantId, id: rows[0].id } })),
    );
    expect(seen.result).toBe(1);
  }
  await house.follower.close();
  await until(() => second.events.length > 1, 'the second to follow');
  await house.legacy.query(INSERT);
  await catchUp();
  expect(second.follower.state()).toEqual({ kind: 'following', by: 'itself' });
}, 60_000);

test('waiting for a mark ends with its own time where nothing is followed, and with a sentence where following has ended', async () => {
  const house = await openHouse();
  const lost = await openSecond(house, 'never_made');
  await expect(lost.follower.catchUp(AbortSignal.timeout(300))).rejects.toMatchObject({
    name: 'TimeoutError',
  });
  expect(lost.follower.heardBy(Date.now())).toBeUndefined();
  const waiting = lost.follower.catchUp(AbortSignal.timeout(20_000));
  const rejection = expect(waiting).rejects.toThrow('Following has ended.');
  await lost.follower.close();
  await rejection;
});

test('an unprepared slot, an unprepared store, a store put back from an older copy, and a legacy put back are each told in a sentence', async () => {
  const house = await openHouse();
  const stranger = await openSecond(house, 'never_made');
  await until(() => stopped(stranger.events).length > 0, 'the missing slot to be told');
  expect(stopped(stranger.events)[0]).toBe(
    `Legacy's server has no replication slot "never_made". Run "banyan follow" (docs/following.md).`,
  );
  await house.follower.close();
  await house.superuser.query(`UPDATE banyan.follow_position SET position = '0/1'`);
  const older = await openSecond(house);
  await until(() => stopped(older.events).length > 0, 'the gap to be told');
  expect(stopped(older.events)[0]).toMatch(/^The store is older than the replication slot/);
  await older.follower.close();
  await house.superuser.query(`UPDATE banyan.follow_position SET position = 'FFFF/0'`);
  const newer = await openSecond(house);
  await until(() => stopped(newer.events).length > 0, 'the missing log to be told');
  expect(stopped(newer.events)[0]).toMatch(/^Legacy's database is older than what the store has of it/);
});

test('preparing again is harmless while a follower runs: new tenants are copied and follow, without a gap', async () => {
  const house = await openHouse();
  let isWriting = true;
  const writer = (async () => {
    const client = await connect(house.legacyUrl);
    await client.query(`CREATE SCHEMA newcomer`);
    const { rows } = await client.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'acme'::regnamespace AND relkind = 'r' ORDER BY 1`,
    );
    for (const { relname } of rows) {
      await client.query(
        `CREATE TABLE newcomer.${relname} (LIKE acme.${relname} INCLUDING ALL); INSERT INTO newcomer.${relname} SELECT * FROM acme.${relname}`,
      );
      await client.query(`DO $$ BEGIN IF to_regclass('acme.${relname}_id_seq') IS NOT NULL THEN
        CREATE SEQUENCE newcomer.${relname}_id_seq START 5000; ALTER TABLE newcomer.${relname} ALTER id SET DEFAULT nextval('newcomer.${relname}_id_seq'); END IF; END $$`);
    }
    await client.query(
      `INSERT INTO public.tenants_tenant (id, schema_name, name, created_on) VALUES (77, 'newcomer', 'newcomer', now())`,
    );
    while (isWriting) {
      await client.query(INSERT.replace('acme', 'newcomer'));
      await client.query(`UPDATE newcomer.ai_job SET prompt_tokens = prompt_tokens + 1 WHERE id <= 3`);
      await client.query(INSERT);
    }
    await client.end();
  })();
  await until(
    async () => (await house.legacy.query('SELECT FROM public.tenants_tenant WHERE id = 77')).rowCount === 1,
    'the newcomer',
    10_000,
  );
  const prepared = await prepareFollow({
    legacyUrl: house.legacyUrl,
    ownerUrl: house.database.ownerUrl,
    slot: house.slot,
  });
  expect(prepared).toMatchObject({ slot: 'kept', tenants: 1, notFollowed: [] });
  await wait(100);
  isWriting = false;
  await writer;
  await house.catchUp();
  expect(await dumpRows(house.superuser, { tenantId: 77 })).toEqual(
    await dumpRows(house.legacy, { schema: 'newcomer' }),
  );
  expect(await dumpRows(house.superuser, { tenantId: 1 })).toEqual(
    await dumpRows(house.legacy, { schema: 'acme' }),
  );
}, 60_000);

test('tenants that were copied without following stay as they are, and are named', async () => {
  const house = await openHouse();
  await house.legacy.query(`CREATE SCHEMA early`);
  for (const table of [
    'auth_user',
    'django_session',
    'ai_job',
    'chat_channel',
    'chat_message',
    'files_file',
    'files_chunk',
  ])
    await house.legacy.query(`CREATE TABLE early.${table} (LIKE acme.${table} INCLUDING ALL)`);
  for (const table of ['auth_user', 'ai_job', 'chat_channel', 'chat_message', 'files_file'])
    await house.legacy.query(`CREATE SEQUENCE early.${table}_id_seq`);
  await house.legacy.query(
    `INSERT INTO public.tenants_tenant (id, schema_name, name, created_on) VALUES (78, 'early', 'early', now())`,
  );
  const urls = { legacyUrl: house.legacyUrl, ownerUrl: house.database.ownerUrl };
  await copyTenants(urls);
  const prepared = await prepareFollow({ ...urls, slot: house.slot });
  expect(prepared).toMatchObject({ slot: 'kept', tenants: 0, rows: 0, notFollowed: ['early'] });
  await house.legacy.query(`INSERT INTO early.auth_user SELECT * FROM acme.auth_user WHERE id = 1`);
  await house.catchUp();
  expect((await house.superuser.query('SELECT FROM auth_user WHERE tenant_id = 78')).rowCount).toBe(0);
});

test('row-114-no-primary-key: a published table without a key would break legacy: preparing refuses before it happens', async () => {
  const legacy = await createDatabase('legacy');
  closers.push(legacy.drop);
  const client = await connect(legacy.url);
  await client.query('CREATE TABLE keyless (name text)');
  const preparing = prepareFollow({ legacyUrl: legacy.url, ownerUrl: legacy.url, slot: 'never' });
  await expect(preparing).rejects.toThrow(
    'A publication of all tables would make legacy refuse updates of public.keyless: no primary key. Give each one, or ALTER TABLE … REPLICA IDENTITY FULL.',
  );
  await client.query(`CREATE ROLE plain_${process.pid} LOGIN PASSWORD 'plain'; DROP TABLE keyless`);
  const url = new URL(legacy.url);
  Object.assign(url, { username: `plain_${process.pid}`, password: 'plain' });
  const unable = prepareFollow({ legacyUrl: url.href, ownerUrl: legacy.url, slot: 'never' });
  await expect(unable).rejects.toThrow(
    /may not make one \(42501\).*CREATE PUBLICATION banyan FOR ALL TABLES/,
  );
  await client.query(`DROP ROLE plain_${process.pid}`);
  await client.end();
});

test('a role that may read and replicate is enough for everything but the publication', async () => {
  const house = await openHouse();
  const role = `reader_${process.pid}`;
  await house.legacy.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'reader'; GRANT SELECT ON public.tenants_tenant TO ${role};
    GRANT USAGE ON SCHEMA acme, globex TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA acme, globex TO ${role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA acme, globex TO ${role}`);
  const url = new URL(house.legacyUrl);
  Object.assign(url, { username: role, password: 'reader' });
  const second = await createStoreDatabase();
  const slot = `reader_${process.pid}`;
  const prepared = await prepareFollow({ legacyUrl: url.href, ownerUrl: second.ownerUrl, slot });
  expect(prepared).toMatchObject({ slot: 'made', tenants: 2 });
  const store = await openStore({ url: second.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  const follower = openFollow({ legacyUrl: url.href, slot, store: store.follow, emit: () => undefined });
  await house.legacy.query(INSERT);
  await follower.catchUp(AbortSignal.timeout(10_000));
  const superuser = await connect(second.superUrl);
  expect(await dumpRows(superuser, { tenantId: 1 })).toEqual(
    await dumpRows(house.legacy, { schema: 'acme' }),
  );
  await superuser.end();
  await follower.close();
  await store.close();
  await forgetFollow({ legacyUrl: url.href, slot });
  await second.drop();
  await house.legacy.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

test('row-117-lost-slot: a slot that legacy has given up is told, with what to do', async () => {
  const server = await startEmbeddedPostgres({
    dataDir: `${process.env.TMPDIR}/lost-${process.pid}/pg`,
    port: await freePort(),
    flags: ['wal_level=logical', 'max_slot_wal_keep_size=1MB', 'fsync=off'].flatMap((flag) => ['-c', flag]),
  });
  closers.push(server.stop);
  const client = await connect(server.url('postgres'));
  closers.push(() => client.end());
  await client.query(`SELECT pg_create_logical_replication_slot('forlorn', 'pgoutput')`);
  for (let nr = 0; nr < 3; nr += 1) {
    await client.query(`SELECT pg_logical_emit_message(false, 'x', 'x'), pg_switch_wal()`);
    await client.query('CHECKPOINT');
  }
  const preparing = prepareFollow({
    legacyUrl: server.url('postgres'),
    ownerUrl: server.url('postgres'),
    slot: 'forlorn',
  });
  await expect(preparing).rejects.toThrow(
    /has given up the replication slot "forlorn".*Drop it.*run "banyan follow" anew/,
  );
}, 60_000);

test('nothing of a row and no password stands in what is told', async () => {
  const house = await openHouse();
  await kill(house, 'banyan follow');
  await until(() => stopped(house.events).length > 0, 'the break to be told');
  await house.superuser.query(
    `BEGIN; SELECT set_config('banyan.note', 'copy', true); DELETE FROM ai_job WHERE tenant_id = 1; COMMIT`,
  );
  await house.legacy.query(`UPDATE acme.ai_job SET prompt = 'planted-secret'`);
  await house.catchUp();
  const told = JSON.stringify(house.events);
  expect(told).toContain('rows_parted');
  expect(told).not.toMatch(/planted-secret|in-tests|postgres(ql)?:\/\//);
  expect((await house.catchUp()) as Position).toBeGreaterThan(0n);
});
