import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seed } from '../../../legacy-stub/index.ts';
import { type PreparedFollow, type PrepareWish, prepareFollow } from '../../../src/move/index.ts';
import type { TenantName } from '../../../src/vocabulary/index.ts';
import { connect, dumpRows, type FollowedHouse, startFollowedHouse } from '../../support/follow.ts';
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
    if (ended instanceof Error) expect(ended.message).toMatch(/was lost/);
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
  expect(await copy()).toMatchObject({ tenants: 1, ended: 'whole', failed: [] });
  expect(await seen()).toContain(half);
  expect(await dumpRows(house.superuser, { tenantId: 5 })).toEqual(
    await dumpRows(house.legacy, { schema: 'tenant_005' }),
  );
}, 60_000);
