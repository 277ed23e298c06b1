import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openStore, type Store, StoreUnavailable } from '../../src/store/index.ts';
import type { DiffLedger, LedgerEntry, RouteId } from '../../src/vocabulary/index.ts';
import { differ, different, newRoute, notCompared, same } from '../rooms/store/ledger.contract.ts';
import { asSuperuser } from '../support/database.ts';
import { createStoreDatabase, type StoreDatabase } from '../support/store.ts';

let database: StoreDatabase;
let stores: readonly [Store, Store];
let ledger: DiffLedger;
const open = () => openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
beforeAll(async () => {
  database = await createStoreDatabase();
  stores = [await open(), await open()];
  ledger = stores[0].ledger;
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await database.drop();
});

async function query<Row extends pg.QueryResultRow>(sql: string, url = database.superUrl): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client
    .query<Row>(sql)
    .then(
      ({ rows }) => rows,
      (error) => Promise.reject(error),
    )
    .finally(() => client.end());
}
const asApp = (sql: string) => query(sql, database.appUrl);
const asOwner = (sql: string) => query(sql, database.ownerUrl);

const tallyOf = async (route: RouteId) => (await ledger.tally({ sinceMs: 0, route }))[0];

describe('several instances', () => {
  test('20,000 entries that two instances add at once add up, without a deadlock', async () => {
    const route = newRoute();
    const startMs = Date.now();
    const make = (nr: number): LedgerEntry => {
      const atMs = startMs - (nr % 5) * 60_000;
      if (nr % 10 === 0) return notCompared(route, 'concurrent_write', atMs);
      if (nr % 2 === 0) return same(route, atMs);
      return different(route, [`/a${nr % 7}`, `/b${nr % 3}`], { atMs });
    };
    const entries = Array.from({ length: 20_000 }, (_, nr) => make(nr));
    const batches = Array.from({ length: 100 }, (_, nr) =>
      entries.slice(nr * 200, nr * 200 + 200).toSorted(byChance),
    );
    await Promise.all(
      stores.map(async (store, side) => {
        const own = batches.filter((_, nr) => nr % 2 === side);
        for (let nr = 0; nr < own.length; nr += 3)
          await Promise.all(own.slice(nr, nr + 3).map((batch) => store.ledger.add(batch)));
      }),
    );
    const tally = await tallyOf(route);
    expect(tally).toMatchObject({ same: 8_000, different: 10_000, notCompared: { concurrent_write: 2_000 } });
    const groups = await ledger.listGroups({ sinceMs: 0, route });
    expect(groups).toHaveLength(10);
    expect(groups.reduce((sum, group) => sum + group.count, 0)).toBe(20_000);
    expect(groups.every((group) => group.samples <= 10)).toBe(true);
  });

  const byChance = () => Math.random() - 0.5;
});

describe('a route whose paths are made of data', () => {
  test('has its groups gathered below a first step, and at last all together, and loses no count', async () => {
    const route = newRoute();
    const entries = Array.from({ length: 1_400 }, (_, nr) => different(route, [`/by_id/${nr}/name`]));
    await ledger.add(entries.slice(0, 990));
    await stores[1].ledger.add(entries.slice(990));
    await ledger.add(Array.from({ length: 300 }, (_, nr) => different(route, [`/${nr}`, `header:x-${nr}`])));
    const groups = await ledger.listGroups({ sinceMs: 0, route });
    expect(groups.length).toBeGreaterThan(1_000);
    expect(groups.length).toBeLessThan(1_110);
    expect(groups.find(({ path }) => path === '/by_id/…')).toMatchObject({ types: '…', count: 400 });
    expect(groups.find(({ path }) => path === 'header:…')).toMatchObject({ types: '…', count: 300 });
    expect(groups.find(({ path }) => path === '…')).toBeDefined();
    expect(await tallyOf(route)).toMatchObject({ different: 1_700 });
    const known = await ledger.listGroups({ sinceMs: 0, route });
    await ledger.add([different(route, ['/by_id/5/name'])]);
    expect((await ledger.listGroups({ sinceMs: 0, route })).length).toBe(known.length);
    expect(
      (await ledger.listGroups({ sinceMs: 0, route })).find(({ path }) => path === '/by_id/5/name')?.count,
    ).toBe(2);
  });

  test('has 500 different sets of groups a day; further ones count under one group, and none under an accepted one alone', async () => {
    const route = newRoute();
    const paths = Array.from({ length: 40 }, (_, nr) => `/p${nr}`);
    await ledger.add(Array.from({ length: 5 }, () => different(route, ['/accepted'])));
    const [accepted] = await ledger.listGroups({ sinceMs: 0, route });
    const untilMs = Date.now() + 3_600_000;
    const wish = { state: 'accepted', author: 'ada', owner: 'ada', reason: 'known', untilMs } as const;
    if (accepted) await ledger.triage(accepted.id, wish);
    const pairs = paths.flatMap((one, nr) => paths.slice(nr + 1).map((two) => [one, two, '/accepted']));
    for (let nr = 0; nr < pairs.length; nr += 100)
      await stores[nr % 2]?.ledger.add(pairs.slice(nr, nr + 100).map((pair) => different(route, pair)));
    const rows = await query<{ n: number }>(
      `SELECT count(DISTINCT groups)::int AS n FROM banyan.shadow_tally WHERE route = '${route}' AND cardinality(groups) > 1`,
    );
    expect(rows[0]?.n).toBeGreaterThanOrEqual(500);
    expect(rows[0]?.n).toBeLessThan(700);
    expect(pairs).toHaveLength(780);
    expect(await tallyOf(route)).toMatchObject({ different: 780, accepted: 5 });
  });

  test('keeps at most a thousand samples a day and one more for each new group', async () => {
    const route = newRoute();
    await ledger.add([different(route, ['/first'])]);
    await query(
      `INSERT INTO banyan.shadow_sample SELECT day, 'filler-' || n, at, route, groups, request_id, tenant, method, path, 200, 200,
         '', '', '[]', '{}', NULL, 'no_key' FROM banyan.shadow_sample, generate_series(1, 999) n WHERE route = '${route}'`,
    );
    await ledger.add([different(route, ['/first']), different(route, ['/new']), different(route, ['/new'])]);
    const samples = await ledger.listSamples({ route }, 2_000);
    expect(samples).toHaveLength(1_001);
    expect((await ledger.listGroups({ sinceMs: 0, route })).map(({ samples: kept }) => kept)).toEqual([1, 1]);
  });
});

describe('days', () => {
  const parts = async () =>
    (
      await query<{ name: string }>(
        `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent::regclass::text LIKE 'banyan.shadow\\_%' AND c.relkind = 'r' ORDER BY 1`,
      )
    ).map(({ name }) => name);
  const named = (day: number) =>
    new Date(Date.now() + day * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');

  test('have partitions of their own, made ahead, and dropped when they are too old', async () => {
    const old = named(-9);
    for (const base of ['tally', 'place', 'sample'])
      await asOwner(
        `CREATE TABLE banyan.shadow_${base}_${old} PARTITION OF banyan.shadow_${base} FOR VALUES FROM ('${old}') TO ('${named(-8)}')`,
      );
    const route = newRoute();
    await ledger.add([same(route, Date.now() - 9 * 86_400_000)]);
    await ledger.keepDays(9);
    expect(await tallyOf(route)).toMatchObject({ same: 1 });
    expect(await parts()).toContain(`shadow_tally_${old}`);
    await ledger.keepDays(8);
    expect(await tallyOf(route)).toBeUndefined();
    expect((await parts()).filter((name) => name.endsWith(old))).toEqual([]);
    expect(await parts()).toEqual(
      expect.arrayContaining(['tally', 'place', 'sample'].map((base) => `shadow_${base}_${named(1)}`)),
    );
  });

  test('a day that nobody made a partition for loses no entry, and the next day has its own again', async () => {
    const fresh = await createStoreDatabase();
    const store = await openStore({ url: fresh.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
    try {
      const route = newRoute();
      await store.ledger.add([same(route), different(route, ['/id'])]);
      await store.ledger.keepDays(30);
      await store.ledger.keepDays(30);
      await store.ledger.add([same(route), different(route, ['/id'])]);
      expect(await store.ledger.tally({ sinceMs: 0, route })).toMatchObject([{ same: 2, different: 2 }]);
      expect(await store.ledger.listSamples({ route }, 10)).toHaveLength(2);
      const rows = await query<{ name: string }>(
        `SELECT DISTINCT tableoid::regclass::text AS name FROM banyan.shadow_tally`,
        fresh.superUrl,
      );
      expect(rows).toEqual([{ name: 'banyan.shadow_tally_rest' }]);
      const made = await query<{ name: string }>(
        `SELECT relname AS name FROM pg_class WHERE relname ~ '^shadow_tally_[0-9]+$'`,
        fresh.superUrl,
      );
      expect(made).toEqual([{ name: `shadow_tally_${named(1)}` }]);
    } finally {
      await store.close();
      await fresh.drop();
    }
  });

  test('the database believes no clock that is ahead of its own', async () => {
    const route = newRoute();
    const last_ms = Date.now() + 90 * 86_400_000;
    const tallies = JSON.stringify([
      { route, verdict: 'same', reason: '', groups: [], count: 2, first_ms: last_ms - 1, last_ms },
      {
        route,
        verdict: 'same',
        reason: '',
        groups: [],
        count: 3,
        first_ms: last_ms - 86_400_000,
        last_ms: last_ms - 9,
      },
    ]);
    await asApp(`SELECT banyan.add_shadow('[]', '${tallies}', '[]')`);
    const tally = await tallyOf(route);
    expect(tally?.same).toBe(5);
    expect(tally?.lastMs).toBeLessThan(Date.now() + 5_000);
  });

  test('adding to old days and new ones, keeping days and reading at once stand in nobody’s way for good', async () => {
    const route = newRoute();
    const endMs = performance.now() + 4_000;
    const repeatedly = async (work: () => Promise<unknown>) => {
      while (performance.now() < endMs) await work().catch(forgiveAQueue);
    };
    // On a busy machine a connection may not come free in time. A deadlock is something else, and fails the test.
    const forgiveAQueue = (error: unknown) => {
      const isQueue =
        error instanceof StoreUnavailable && /timeout exceeded when trying/.test(String(error.cause));
      if (!isQueue) throw error;
    };
    let nr = 0;
    const addSome = (store: Store) => {
      const atMs = Date.now() - (nr++ % 2) * 20 * 86_400_000;
      const entries = Array.from({ length: 30 }, () =>
        different(route, [`/p${Math.floor(Math.random() * 60)}`], { atMs }),
      );
      return store.ledger.add([same(route, atMs), ...entries]);
    };
    // So that there is always something to make; under the lock under which days are kept.
    const tomorrows = ['tally', 'place', 'sample'].map((base) => `banyan.shadow_${base}_${named(1)}`);
    const forgetTomorrow = () =>
      asOwner(`SELECT pg_advisory_xact_lock(2114251117); DROP TABLE IF EXISTS ${tomorrows.join(', ')}`);
    await Promise.all([
      ...stores.flatMap((store) => [repeatedly(() => addSome(store)), repeatedly(() => addSome(store))]),
      ...stores.map((store) => repeatedly(() => store.ledger.keepDays(5))),
      repeatedly(() => ledger.listGroups({ sinceMs: 0, route }).then(() => ledger.listSamples({ route }, 5))),
      repeatedly(forgetTomorrow),
    ]);
    expect((await tallyOf(route))?.different).toBeGreaterThan(0);
  });

  test('keeping them does not wait longer than three seconds for somebody who reads', async () => {
    await asOwner(`DROP TABLE IF EXISTS banyan.shadow_tally_${named(1)}`);
    const reader = new pg.Client({ connectionString: database.appUrl });
    await reader.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM banyan.shadow_tally');
    const startedMs = performance.now();
    await expect(ledger.keepDays(30)).rejects.toBeInstanceOf(StoreUnavailable);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await reader.end();
    await ledger.keepDays(30);
    expect(await parts()).toContain(`shadow_tally_${named(1)}`);
  });
});

describe('the rights of the app role', () => {
  test.each([
    'DELETE FROM banyan.shadow_audit',
    "UPDATE banyan.shadow_audit SET author = 'nobody'",
    'TRUNCATE banyan.shadow_audit',
    "INSERT INTO banyan.shadow_audit (at, author, group_id, change, reason) VALUES ('2020-01-01', 'a', 'b', 'c', 'd')",
    'DELETE FROM banyan.shadow_tally',
    'TRUNCATE banyan.shadow_tally',
    "UPDATE banyan.shadow_tally SET verdict = 'same'",
    'DELETE FROM banyan.shadow_group',
    "UPDATE banyan.shadow_group SET path = '/other'",
    'DELETE FROM banyan.shadow_sample',
    'UPDATE banyan.shadow_sample SET sealed = NULL',
    'DELETE FROM banyan.shadow_place',
    'DELETE FROM banyan.shadow_noise',
    'SELECT count(*) FROM banyan.shadow_sample_rest',
    'INSERT INTO banyan.shadow_place_rest VALUES (now(), $$0$$, 1, $$0$$)',
    "SELECT banyan.make_shadow_part('flip', '2026-01-01')",
    'SELECT banyan.list_shadow_parts()',
  ])('do not go so far: %s', async (sql) => {
    await expect(asApp(sql)).rejects.toThrow(/permission denied/);
  });

  test.each([
    'DROP TABLE banyan.shadow_tally_rest',
    'DROP TABLE banyan.shadow_audit',
    'ALTER TABLE banyan.shadow_audit ADD COLUMN more text',
    'ALTER TABLE banyan.shadow_tally DETACH PARTITION banyan.shadow_tally_rest',
    'CREATE TRIGGER t BEFORE INSERT ON banyan.shadow_audit FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'ALTER FUNCTION banyan.keep_shadow_days(integer) SECURITY INVOKER',
    'DROP FUNCTION banyan.add_shadow(json, json, json)',
  ])('do not change what is there: %s', async (sql) => {
    await expect(asApp(sql)).rejects.toThrow(/must be owner|permission denied/);
  });

  test.each(['0', '-1', '401', 'NULL', '2147483647'])('let nobody keep %s days', async (days) => {
    await expect(asApp(`SELECT banyan.keep_shadow_days(${days})`)).rejects.toThrow(/1 to 400 days/);
  });

  test("a caller's search path leads the function with its owner's rights nowhere", async () => {
    await asSuperuser(
      'CREATE SCHEMA trap; GRANT ALL ON SCHEMA trap TO banyan_app; GRANT TEMPORARY ON DATABASE ' +
        database.name +
        ' TO banyan_app',
      database.superUrl,
    );
    await asApp(
      `CREATE FUNCTION trap.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
       CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
       CREATE TEMP TABLE pg_class (relname text);
       SET search_path = trap, pg_temp, pg_catalog;
       SELECT banyan.keep_shadow_days(30)`,
    );
  });
});

describe('troubles', () => {
  test('while the database is away everything is StoreUnavailable, and afterwards the same batch is taken', async () => {
    const route = newRoute();
    const batch = [same(route), different(route, ['/id'])];
    const store = await open();
    await asSuperuser(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS false`);
    await asSuperuser(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}' AND usename = 'banyan_app'`,
    );
    try {
      await expect(store.ledger.add(batch)).rejects.toBeInstanceOf(StoreUnavailable);
      await expect(store.ledger.tally({ sinceMs: 0 })).rejects.toBeInstanceOf(StoreUnavailable);
    } finally {
      await asSuperuser(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS true`);
    }
    await store.ledger.add(batch);
    expect(await store.ledger.tally({ sinceMs: 0, route })).toMatchObject([{ same: 1, different: 1 }]);
    expect(await store.ledger.listSamples({ route }, 10)).toHaveLength(1);
    await store.close();
  });

  test('a batch is added whole or not at all, and a refusal quotes nothing of it', async () => {
    const route = newRoute();
    await asSuperuser(
      `ALTER TABLE banyan.shadow_sample ADD CONSTRAINT no_more CHECK (path <> '/api/secret-path/') NOT VALID`,
      database.superUrl,
    );
    try {
      const secret = different(route, [differ('/secret-field')], { path: '/api/secret-path/' });
      const failure = await ledger.add([same(route), secret]).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(Error);
      expect(failure).not.toBeInstanceOf(StoreUnavailable);
      expect((failure as Error).cause).toBeUndefined();
      expect(String(failure)).toBe('Error: The ledger refused a statement (SQLSTATE 23514).');
      expect(String((failure as Error).stack)).not.toMatch(/secret/);
    } finally {
      await asSuperuser('ALTER TABLE banyan.shadow_sample DROP CONSTRAINT no_more', database.superUrl);
    }
    expect(await tallyOf(route)).toBeUndefined();
    await ledger.add([same(route)]);
    expect(await tallyOf(route)).toMatchObject({ same: 1, different: 0 });
  });

  test('what is too long is left out, not cut into something else', async () => {
    const route = newRoute();
    const entry = different(route, ['/id'], { sealed: new Uint8Array(2 * 1024 * 1024) });
    const long = 'x'.repeat(5_000);
    const shape = {
      type: 'string',
      length: 5_000,
      hash: 'abcdabcdabcdabcd',
      clear: JSON.stringify(long),
    } as const;
    const differences = Array.from({ length: 80 }, (_, nr) => ({ ...differ(`/${nr}`), legacy: shape }));
    const skeletons = { legacy: JSON.stringify(long.repeat(10)), new: '"short"' };
    await ledger.add([{ ...entry, sample: { ...entry.sample, differences, skeletons } }]);
    const [sample] = await ledger.listSamples({ route }, 1);
    expect(sample?.sealed).toBeUndefined();
    expect(sample?.replay).toBe('too_large');
    expect(sample?.differences).toHaveLength(50);
    expect(sample?.differences[0]?.legacy).toEqual({
      type: 'string',
      length: 5_000,
      hash: 'abcdabcdabcdabcd',
    });
    expect(sample?.skeletons).toEqual({ legacy: '{"type":"bytes","length":50002}', new: '"short"' });
  });

  test('a batch with more samples than sixteen megabytes brings the first of each group', async () => {
    const route = newRoute();
    const sealed = new Uint8Array(900_000);
    const often = Array.from({ length: 10 }, () => different(route, ['/often'], { sealed }));
    const rare = Array.from({ length: 8 }, (_, nr) => different(route, [`/rare${nr}`], { sealed }));
    await ledger.add([...often, ...rare]);
    const groups = await ledger.listGroups({ sinceMs: 0, route });
    expect(groups.filter(({ path }) => path.startsWith('/rare')).map(({ samples }) => samples)).toEqual(
      Array(8).fill(1),
    );
    expect(groups.find(({ path }) => path === '/often')?.samples).toBeLessThan(10);
    expect(await tallyOf(route)).toMatchObject({ different: 18 });
  });
});
