import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createApiKey } from '../../src/admit/index.ts';
import type { TenantName, UserId } from '../../src/vocabulary/index.ts';
import { query, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';

let house: TestHouse;
let database: string;
let key: string;
beforeAll(async () => {
  house = await startHouse({ env: { DATABASE_POOL_SIZE: '2' } });
  database = new URL(house.storeUrl.app).pathname.slice(1);
  const wish = { tenant: 'acme', user: 1, scopes: ['read', 'write', 'qa'] };
  key = ((await (await house.admin('POST', '/api/keys', wish)).json()) as { key: string }).key;
  await asSuperuser(`
    CREATE SEQUENCE tries;
    CREATE FUNCTION misbehave() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER misbehave BEFORE INSERT ON ai_job FOR EACH ROW EXECUTE FUNCTION misbehave()`);
});
afterAll(() => house.close());

const asSuperuser = <Row extends object>(sql: string) => query<Row>(house.storeUrl.superuser, sql);
/** From outside of the database, which then may be closed. */
const fromOutside = (sql: string) =>
  query(Object.assign(new URL(house.storeUrl.superuser), { pathname: '/postgres' }).href, sql);
const JSON_TYPE = { 'content-type': 'application/json' };

type Told = Readonly<{
  status: number;
  ms: number;
  retryAfter: string | null;
  body: Record<string, unknown>;
}>;

/** Asks the new side, whatever the table says; no other side answers in its place then. */
async function askNew(method: string, path: string, body?: unknown): Promise<Told> {
  const beganMs = performance.now();
  const answer = await house.call('acme', method, path, {
    key,
    headers: { ...JSON_TYPE, 'x-banyan-side': 'new' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const told = (await answer.json()) as Record<string, unknown>;
  const ms = performance.now() - beganMs;
  return { status: answer.status, ms, retryAfter: answer.headers.get('retry-after'), body: told };
}

const write = () => askNew('POST', '/api/ai/completions/', { prompt: 'planted-prompt' });
const read = () => askNew('GET', '/api/ai/jobs/');

/** Each insertion of a job runs this first. */
const misbehave = (statements: string) =>
  asSuperuser(`ALTER SEQUENCE tries RESTART;
    CREATE OR REPLACE FUNCTION misbehave() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
    BEGIN ${statements} RETURN NEW; END $body$`);

const countTries = async () =>
  (
    await asSuperuser<{ n: number }>(
      'SELECT CASE WHEN is_called THEN last_value ELSE 0 END::int AS n FROM tries',
    )
  )[0]?.n;
const countJobs = async () =>
  (await asSuperuser<{ n: number }>('SELECT count(*)::int AS n FROM ai_job WHERE tenant_id = 1'))[0]?.n;
/** Connections of tenants' transactions that are at work, on a statement that begins so. */
const countBusy = async (statement = '') =>
  (
    await asSuperuser<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND usename = 'banyan_app'
         AND application_name = 'banyan' AND state <> 'idle' AND query LIKE '${statement}%'`,
    )
  )[0]?.n;
const killBackends = () =>
  asSuperuser(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'banyan_app'",
  );

/** What the role is allowed from its next connection on. */
async function limitRole(setting: string, value: string): Promise<void> {
  await asSuperuser(`ALTER ROLE banyan_app IN DATABASE ${database} SET ${setting} = '${value}'`);
  await killBackends();
}
async function resetRole(setting: string): Promise<void> {
  await asSuperuser(`ALTER ROLE banyan_app IN DATABASE ${database} RESET ${setting}`);
  await killBackends();
}

/** Holds a table as a migration would. */
async function lockTable(table: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: house.storeUrl.superuser });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return async () => {
    await client.query('COMMIT');
    await client.end();
  };
}

/** A key that could be one of ours. */
const makeKey = () =>
  createApiKey({
    env: 'live',
    tenant: 'acme' as TenantName,
    user: 1 as UserId,
    scopes: [],
    label: '',
    expiresAt: undefined,
  }).key;

const UNAVAILABLE = { code: 'store_unavailable', blame: 'us', retry_safe: true };

let jobs: number | undefined;
beforeEach(async () => {
  jobs = await countJobs();
});
afterEach(async () => {
  await misbehave('');
  // Whatever it was: the very next call works.
  expect(await write()).toMatchObject({ status: 201, body: { status: 'done' } });
});

describe('a statement that does not end', () => {
  test('row-102-statement-timeout: is ended by the server, the caller is told that it took too long, and nothing is written', async () => {
    await limitRole('statement_timeout', '400ms');
    await misbehave('PERFORM pg_sleep(5);');
    try {
      const told = await write();
      expect(told).toMatchObject({
        status: 504,
        body: { code: 'new_too_slow', blame: 'new', retry_safe: true },
      });
      expect(told.ms).toBeLessThan(4_500);
      expect(await countBusy()).toBe(0);
      expect(await countJobs()).toBe(jobs);
      expect(house.log.some((line) => line.includes('handler_failed') && line.includes('QueryTooSlow'))).toBe(
        true,
      );
    } finally {
      await resetRole('statement_timeout');
    }
  });

  test('row-102-statement-timeout: for a lock gives up at lock_timeout, which is the store’s trouble and nobody’s slowness', async () => {
    await limitRole('lock_timeout', '300ms');
    const release = await lockTable('ai_job');
    try {
      const told = await write();
      expect(told).toMatchObject({ status: 503, retryAfter: '1', body: UNAVAILABLE });
      expect(told.ms).toBeLessThan(5_000);
      expect(house.log.some((line) => line.includes('handler_failed') && line.includes('locked'))).toBe(true);
    } finally {
      await release();
      await resetRole('lock_timeout');
    }
    expect(await countJobs()).toBe(jobs);
  });
});

test('row-103-exhausted-pool: who finds no connection is told so after two seconds; keys are still checked, legacy is still asked, and all goes on afterwards', async () => {
  // Of two features: no single one holds all connections.
  const releases = [await lockTable('ai_job'), await lockTable('chat_message')];
  const stuck = [write(), askNew('POST', '/api/chat/channels/1/messages/', { body: 'planted' })];
  try {
    await until(async () => (await countBusy()) === 2, 'both connections to be busy');

    const third = askNew('GET', '/api/chat/channels/');
    const fresh = { tenant: 'globex', user: 1, scopes: ['read'] };
    const made = (await (await house.admin('POST', '/api/keys', fresh)).json()) as { key: string };
    const beganMs = performance.now();
    const aside = await house.call('globex', 'GET', '/api/ai/jobs/', { key: made.key });
    expect([aside.status, aside.headers.get('x-served-by')]).toEqual([200, 'legacy']);
    expect(performance.now() - beganMs).toBeLessThan(1_500);

    const told = await third;
    expect(told).toMatchObject({ status: 503, retryAfter: '1', body: UNAVAILABLE });
    expect(told.ms).toBeGreaterThan(1_500);
    expect(told.ms).toBeLessThan(3_500);
  } finally {
    for (const release of releases) await release();
  }
  expect((await Promise.all(stuck)).map(({ status }) => status)).toEqual([201, 201]);
  expect(await countJobs()).toBe((jobs ?? 0) + 1);
});

describe('a bad day of the database', () => {
  test('row-104-database-trouble: a connection killed while a write is under way makes that one 503, and nothing is written', async () => {
    await misbehave('PERFORM pg_sleep(5);');
    const underWay = write();
    await until(async () => (await countBusy()) === 1, 'the write to be under way');
    await killBackends();

    expect(await underWay).toMatchObject({ status: 503, retryAfter: '1', body: UNAVAILABLE });
    expect(await countJobs()).toBe(jobs);
  });

  test('row-104-database-trouble: a connection lost while COMMIT is on its way is the one case in which nobody knows, and the caller is told so', async () => {
    await asSuperuser(`
      CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(5); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER linger AFTER INSERT OR UPDATE ON banyan.id_counter
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()`);
    try {
      const underWay = write();
      await until(async () => (await countBusy('COMMIT')) === 1, 'COMMIT to be on its way');
      await killBackends();

      expect(await underWay).toMatchObject({
        status: 503,
        body: { code: 'store_unavailable', retry_safe: false },
      });
    } finally {
      await asSuperuser('DROP TRIGGER linger ON banyan.id_counter; DROP FUNCTION linger()');
    }
  });

  test('row-104-database-trouble: while the keys cannot be read, who is known goes on, and nobody is called a stranger', async () => {
    await limitRole('lock_timeout', '300ms');
    expect((await house.call('acme', 'GET', '/api/files/', { key })).status).toBe(200);
    const release = await lockTable('banyan.api_key');
    try {
      const [known, unknown] = await Promise.all([
        house.call('acme', 'GET', '/api/files/', { key }),
        house.call('acme', 'GET', '/api/files/', { key: makeKey() }),
      ]);
      expect(known.status).toBe(200);
      expect([unknown.status, await unknown.json()]).toEqual([503, expect.objectContaining(UNAVAILABLE)]);
    } finally {
      await release();
      await resetRole('lock_timeout');
    }
    expect((await house.call('acme', 'GET', '/api/files/', { key: makeKey() })).status).toBe(401);
    expect(house.log.filter((line) => line.includes('"event":"bug"'))).toEqual([]);
  });

  test('row-104-database-trouble: a read-only database serves reads, refuses writes with 503, and is let go of once it is the wrong one', async () => {
    await fromOutside(`ALTER DATABASE ${database} SET default_transaction_read_only = on`);
    await killBackends();
    try {
      // Both connections of the pool lead to the server that takes no writes.
      const reads = await Promise.all([read(), read()]);
      expect(reads.map(({ status }) => status)).toEqual([200, 200]);
      expect(await write()).toMatchObject({ status: 503, retryAfter: '1', body: UNAVAILABLE });
      expect(house.log.some((line) => line.includes('handler_failed') && line.includes('read_only'))).toBe(
        true,
      );
    } finally {
      // No connection is closed from outside: that they are replaced is the gateway's doing.
      await fromOutside(`ALTER DATABASE ${database} RESET default_transaction_read_only`);
    }
    expect(await write()).toMatchObject({ status: 201 });
  });

  test.each([
    ['53100', 'a full disk'],
    ['53200', 'memory used up'],
    ['58030', 'a disk that cannot be read'],
  ])('row-104-database-trouble: %s, %s, is 503, told in the log, and tried once', async (code) => {
    await misbehave(
      `PERFORM nextval('tries'); RAISE EXCEPTION 'could not extend file for %', NEW.prompt USING ERRCODE = '${code}';`,
    );
    const lines = house.log.length;

    expect(await write()).toMatchObject({ status: 503, retryAfter: '1', body: UNAVAILABLE });

    expect(await countTries()).toBe(1);
    expect(await countJobs()).toBe(jobs);
    expect((await read()).status).toBe(200);
    const told = house.log.slice(lines).filter((line) => line.includes('handler_failed'));
    expect(told).toEqual([expect.stringContaining('failing')]);
    expect(house.log.join()).not.toContain('planted-prompt');
  });

  test.each(['40001', '40P01'])(
    'row-104-database-trouble: %s is repeated until it passes, and written once',
    async (code) => {
      await misbehave(
        `IF nextval('tries') < 3 THEN RAISE EXCEPTION 'again, please' USING ERRCODE = '${code}'; END IF;`,
      );

      expect(await write()).toMatchObject({ status: 201, body: { status: 'done' } });

      expect(await countTries()).toBe(3);
      expect(await countJobs()).toBe((jobs ?? 0) + 1);
    },
  );

  test('row-104-database-trouble: what never passes is given up after the third time, as 503', async () => {
    await misbehave("PERFORM nextval('tries'); RAISE EXCEPTION 'again, please' USING ERRCODE = '40001';");

    expect(await write()).toMatchObject({ status: 503, retryAfter: '1', body: UNAVAILABLE });

    expect(await countTries()).toBe(3);
    expect(await countJobs()).toBe(jobs);
  });

  test.each(['23514', 'P0001', '42501', 'XX000'])(
    'row-104-database-trouble: %s is the handler’s failure, and a write is not tried a second time for it',
    async (code) => {
      await misbehave(`PERFORM nextval('tries'); RAISE EXCEPTION 'no' USING ERRCODE = '${code}';`);

      expect(await write()).toMatchObject({
        status: 500,
        body: { code: 'new_failed', blame: 'new', retry_safe: true },
      });

      expect(await countTries()).toBe(1);
      expect(await countJobs()).toBe(jobs);
    },
  );

  test('row-104-database-trouble: while the database is away, reads go to legacy, writes are refused, and afterwards all is as before', async () => {
    await house.useTable(tableAt('new'));
    expect((await house.call('acme', 'GET', '/api/files/', { key })).headers.get('x-served-by')).toBe('new');
    await fromOutside(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS false`);
    await fromOutside(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}' AND usename = 'banyan_app'`,
    );
    try {
      const beganMs = performance.now();
      const reading = await house.call('acme', 'GET', '/api/files/', { key });
      expect([reading.status, reading.headers.get('x-served-by')]).toEqual([200, 'legacy']);
      expect(performance.now() - beganMs).toBeLessThan(2_500);
      expect(await write()).toMatchObject({ status: 503, retryAfter: '1', body: UNAVAILABLE });
      // Who was known a moment ago is let in; whose key must be looked up is told that nobody can say, never that the key is wrong.
      const unknown = await house.call('acme', 'GET', '/api/files/', { key: makeKey() });
      expect([unknown.status, await unknown.json()]).toEqual([503, expect.objectContaining(UNAVAILABLE)]);
      await until(
        async () => (await fetch(`${house.adminUrl}/readyz`)).status === 503,
        'readiness to tell',
        4_000,
      );
    } finally {
      await fromOutside(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS true`);
      await house.useTable(tableAt('legacy'));
    }
  });
});
