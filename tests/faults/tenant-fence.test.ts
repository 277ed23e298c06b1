import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createTagKeysText } from '../../src/admit/index.ts';
import { openHouse } from '../../src/main.ts';
import { tenantAdapter } from '../../src/store/adapter.ts';
import { PrismaClient } from '../../src/store/generated/client.ts';
import * as storeRoom from '../../src/store/index.ts';
import { isolateTenant, migrateStore, shareTenant } from '../../src/store/index.ts';
import type { TenantName } from '../../src/vocabulary/index.ts';
import { freePort } from '../support/free-port.ts';
import { ADMIN_TOKEN, loadSettings, query, startHouse, type TestHouse, tableAt } from '../support/house.ts';

// One connection for all tenants: what one of them left on it, the next one would find.
let house: TestHouse;
beforeAll(async () => {
  house = await startHouse({ env: { DATABASE_POOL_SIZE: '1' }, table: tableAt('new') });
});
afterAll(() => house.close());

const JSON_TYPE = { 'content-type': 'application/json' };
const post = (tenant: string, path: string, body: unknown) =>
  house.call(tenant, 'POST', path, { headers: JSON_TYPE, body: JSON.stringify(body) });
const asSuperuser = <Row extends object>(sql: string) => query<Row>(house.storeUrl.superuser, sql);
const asApp = <Row extends object>(sql: string) => query<Row>(house.storeUrl.app, sql);
const count = async (table: string) =>
  (await asSuperuser<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`))[0]?.n;

/** One more user, as if copied from legacy. */
const copyUser = (tenant: number, id: number) =>
  asSuperuser(
    `SELECT set_config('banyan.note', 'copy', false);
     INSERT INTO auth_user SELECT ${tenant}, ${id}, 'copy-${id}', email, first_name, last_name, password, is_staff, is_active, date_joined, last_login
     FROM auth_user WHERE tenant_id = 1 AND id = 1`,
  );

/** Who answers on the new side, and for which tenant. */
async function readTenant(tenant: string): Promise<unknown> {
  const answer = await house.call(tenant, 'GET', '/api/dashboard/summary/');
  const { tenant: named, users } = (await answer.json()) as { tenant: string; users: number };
  return [answer.headers.get('x-served-by'), named, users];
}

describe('the tenant of a transaction', () => {
  test('row-093-tenant-setting: ends with it, whatever became of it: the next tenant on the same connection sees only itself', async () => {
    const users = async (id: number) =>
      (
        await asSuperuser<{ n: number }>(`SELECT count(*)::int AS n FROM auth_user WHERE tenant_id = ${id}`)
      )[0]?.n;
    await copyUser(3, 900);
    const [acme, initech] = [await users(1), await users(3)];
    expect(acme).not.toBe(initech);

    for (let turn = 0; turn < 6; turn += 1) {
      expect(await readTenant('acme')).toEqual(['new', 'acme', acme]);
      // A transaction that fails half-way, and one that is refused.
      await post('acme', '/api/chat/channels/1/messages/', { body: 'x', metadata: 'no dictionary' });
      await post('acme', '/api/chat/channels/999999/messages/', { body: 'x' });
      expect(await readTenant('initech')).toEqual(['new', 'initech', initech]);
    }
    const many = Array.from({ length: 30 }, (_, turn) => (turn % 2 === 0 ? 'acme' : 'initech'));
    const seen = await Promise.all(many.map(readTenant));
    expect(seen).toEqual(many.map((name) => ['new', name, name === 'acme' ? acme : initech]));
  });

  test('row-093-tenant-setting: is nowhere set for longer than the transaction', () => {
    const text = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join('src', file), 'utf8'))
      .join('\n');
    const all = text.match(/set_config\('/g) ?? [];
    expect(all.length).toBeGreaterThan(5);
    expect(text.match(/set_config\('[^,]*, [^,]*, true\)/g)).toHaveLength(all.length);
    expect(text).not.toMatch(/SET (SESSION |LOCAL )?banyan\./);
  });

  test('row-093-tenant-setting: has one door: the room gives out no client, no pool and no adapter', () => {
    expect(Object.keys(storeRoom).filter((name) => /client|pool|adapter|prisma/i.test(name))).toEqual([
      'Prisma',
    ]);
    expect(Object.keys(storeRoom.Prisma).filter((name) => /client$/i.test(name))).toEqual([]);
  });

  test('row-094-bare-client: has none for a query outside of it: nothing is sent, inside another transaction or not', async () => {
    const pool = new pg.Pool({ connectionString: house.storeUrl.app, max: 2 });
    const bare = new PrismaClient({ adapter: tenantAdapter(pool) });
    try {
      await expect(bare.authUser.findMany()).rejects.toThrow(/has no tenant/);
      await expect(bare.$queryRaw`SELECT 1`).rejects.toThrow(/has no tenant/);
      await expect(bare.$transaction((tx) => tx.authUser.findMany())).rejects.toThrow(/has no tenant/);
      await expect(bare.$transaction([bare.authUser.findMany()])).rejects.toThrow(/has no tenant/);
      expect(pool.totalCount).toBe(0);
    } finally {
      await bare.$disconnect();
      await pool.end();
    }
  });

  test('row-094-bare-client: is the only connection that a handler takes: every route answers with a pool of one', async () => {
    const routes = [
      'auth/me',
      'ai/jobs',
      'ai/jobs/1',
      'chat/channels',
      'chat/channels/1/messages',
      'files',
      'files/1/content',
      'dashboard/summary',
    ];
    const answers = await Promise.all(routes.map((path) => house.call('acme', 'GET', `/api/${path}/`)));
    expect(answers.map(({ status, headers }) => [status, headers.get('x-served-by')])).toEqual(
      routes.map(() => [200, 'new']),
    );
    expect((await post('acme', '/api/ai/completions/', { prompt: 'hello' })).status).toBe(201);
    expect((await post('acme', '/api/chat/channels/1/messages/', { body: 'hello' })).status).toBe(201);
  });

  test('row-095-unset-setting: unset or empty means no rows and no error, on a connection that had a tenant before, too', async () => {
    const app = new pg.Client({ connectionString: house.storeUrl.app });
    await app.connect();
    try {
      const look = async () =>
        (
          await app.query(
            "SELECT current_setting('banyan.tenant_id', true) AS setting, (SELECT count(*)::int FROM auth_user) AS n",
          )
        ).rows[0];
      expect(await look()).toEqual({ setting: null, n: 0 });
      await app.query("BEGIN; SELECT set_config('banyan.tenant_id', '1', true)");
      expect((await look()).n).toBeGreaterThan(0);
      await app.query('COMMIT');
      expect(await look()).toEqual({ setting: '', n: 0 });
      await expect(app.query('INSERT INTO banyan.id_counter VALUES (1, $1, 1)', ['x'])).rejects.toThrow(
        /row-level security/,
      );
    } finally {
      await app.end();
    }
  });
});

/** Opens a second house on the same store, as this role; answers its refusal. */
async function refusalOf(databaseUrl: string): Promise<string> {
  const settings = loadSettings({
    PORT: String(await freePort()),
    ADMIN_PORT: String(await freePort()),
    BANYAN_CONFIG: house.tableFile,
  });
  const opening = openHouse({
    settings,
    databaseUrl,
    legacyUrl: house.legacy.url,
    adminToken: ADMIN_TOKEN,
    tagKeys: createTagKeysText(),
    demoKeys: 'accepted',
    sink: { write: () => undefined, dropped: () => 0 },
  });
  const opened = await opening.catch((error: Error) => error.message);
  if (typeof opened === 'string') return opened;
  await opened.close('test');
  return 'opened';
}

describe('the house does not open', () => {
  test('row-096-strong-role: as a superuser, as the owner of the tables, or as a role that bypasses policies', async () => {
    const role = `bypasses_${Math.random().toString(36).slice(2, 10)}`;
    await asSuperuser(`CREATE ROLE ${role} LOGIN PASSWORD 'in-tests' BYPASSRLS`);
    const database = new URL(house.storeUrl.app).pathname.slice(1);
    await asSuperuser(`GRANT CONNECT ON DATABASE ${database} TO ${role}`);
    const bypassing = Object.assign(new URL(house.storeUrl.app), { username: role, password: 'in-tests' });
    try {
      expect(await refusalOf(house.storeUrl.superuser)).toMatch(/is a superuser, whom no policy stops/);
      expect(await refusalOf(house.storeUrl.owner)).toMatch(/owns tables of the store/);
      expect(await refusalOf(bypassing.href)).toMatch(/has BYPASSRLS/);
    } finally {
      await asSuperuser(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
    expect(await refusalOf(house.storeUrl.app)).toBe('opened');
  });

  test.each([
    [
      'row-096-strong-role: where policies are not forced',
      'ALTER TABLE ai_job NO FORCE ROW LEVEL SECURITY',
      'ALTER TABLE ai_job FORCE ROW LEVEL SECURITY',
      /not enabled and forced/,
    ],
    [
      'row-097-partitions: where a partition can be read',
      'GRANT SELECT ON ai_job_h00 TO banyan_app',
      'REVOKE ALL ON ai_job_h00 FROM banyan_app',
      /Rights are granted on the partitions/,
    ],
    [
      'row-098-other-doors: where a materialised view holds rows',
      'CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM ai_job',
      'DROP MATERIALIZED VIEW totals',
      /materialised view/,
    ],
    [
      'row-098-other-doors: where a view reads with its owner’s rights',
      'CREATE VIEW busy AS SELECT * FROM ai_job',
      'DROP VIEW busy',
      /reads tenant tables with its owner's rights/,
    ],
    [
      'row-098-other-doors: where a function runs with its owner’s rights',
      'CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM ai_job $$',
      'DROP FUNCTION peek()',
      /SECURITY DEFINER/,
    ],
  ])('%s', async (_, spoil, mend, finding) => {
    await asSuperuser(spoil);
    try {
      expect(await refusalOf(house.storeUrl.app)).toMatch(finding);
    } finally {
      await asSuperuser(mend);
    }
  });
});

const PARTITIONS = `
  SELECT c.relname AS name, c.relkind AS kind, c.relrowsecurity AND c.relforcerowsecurity AS fenced, c.relacl IS NOT NULL AND EXISTS (
    SELECT FROM aclexplode(c.relacl) g WHERE g.grantee <> c.relowner) AS open
  FROM pg_class c WHERE c.relispartition AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1`;
type Partition = Readonly<{ name: string; kind: string; fenced: boolean; open: boolean }>;

describe('partitions', () => {
  test('row-097-partitions: are closed to the gateway’s role, each with its own policy, new ones as well', async () => {
    await isolateTenant(house.storeUrl.owner, 'globex' as TenantName);
    try {
      const partitions = await asSuperuser<Partition>(PARTITIONS);
      expect(partitions).toHaveLength(7 * 18);
      expect(partitions.filter(({ fenced, open }) => !fenced || open)).toEqual([]);
      for (const name of ['auth_user_t2', 'auth_user_shared', 'auth_user_h00'])
        await expect(
          asApp(`SELECT set_config('banyan.tenant_id', '2', false); SELECT * FROM ${name}`),
        ).rejects.toThrow(/permission denied/);
      expect(await readTenant('globex')).toEqual(['new', 'globex', expect.any(Number)]);
    } finally {
      await shareTenant(house.storeUrl.owner, 'globex' as TenantName);
    }
  });

  test('row-105-migrations: are there before the first row: a new tenant needs none, and the default one is cut and fenced itself', async () => {
    const before = await asSuperuser<Partition>(PARTITIONS);
    await asSuperuser("INSERT INTO tenant (id, name) VALUES (4711, 'newcomer')");
    await copyUser(4711, 1);
    const homes = await asSuperuser<{ home: string }>(
      'SELECT DISTINCT tableoid::regclass::text AS home FROM auth_user WHERE tenant_id = 4711',
    );
    expect(homes).toEqual([{ home: expect.stringMatching(/^auth_user_h\d\d$/) }]);
    expect(await asSuperuser(PARTITIONS)).toEqual(before);
    expect(before.filter(({ name }) => name.endsWith('_shared')).map(({ kind }) => kind)).toEqual(
      Array(7).fill('p'),
    );
  });

  test('row-105-migrations: stay, with every row, when the migrations are run again under traffic', async () => {
    const [partitions, jobs] = [await asSuperuser(PARTITIONS), await count('ai_job')];
    const [, answer] = await Promise.all([migrateStore(house.storeUrl.owner), readTenant('acme')]);
    expect(answer).toEqual(['new', 'acme', expect.any(Number)]);
    expect(await asSuperuser(PARTITIONS)).toEqual(partitions);
    expect(await count('ai_job')).toBe(jobs);
  });
});

describe('what a caller sends', () => {
  test('row-099-foreign-keys: cannot tell by a reference whether another tenant has a row: absent and foreign are one answer', async () => {
    await asSuperuser(
      "SELECT set_config('banyan.note', 'copy', false); INSERT INTO chat_channel (tenant_id, id, name, topic, is_private, created_by_id) SELECT 2, 7777, 'theirs', '', false, id FROM auth_user WHERE tenant_id = 2 ORDER BY id LIMIT 1",
    );
    const told = async (channel: number) => {
      const answer = await post('acme', `/api/chat/channels/${channel}/messages/`, { body: 'x' });
      return [answer.status, await answer.text(), answer.headers.get('x-served-by')];
    };
    const foreign = await told(7777);
    expect(foreign).toEqual(await told(8888));
    expect(foreign[0]).toBe(404);
    expect((await house.call('globex', 'GET', '/api/chat/channels/7777/messages/')).status).toBe(200);
  });

  test('row-099-foreign-keys: every foreign key of a tenant table carries the tenant on both of its ends', async () => {
    const keys = await asSuperuser<{ name: string; carries: boolean }>(`
      SELECT k.conname AS name, EXISTS (
        SELECT FROM unnest(k.conkey, k.confkey) AS pair (own, other)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = own AND a.attname = 'tenant_id'
        JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = other AND b.attname IN ('tenant_id', 'id')) AS carries
      FROM pg_constraint k JOIN pg_attribute t ON t.attrelid = k.conrelid AND t.attname = 'tenant_id' AND NOT t.attisdropped
      WHERE k.contype = 'f' AND k.connamespace IN ('public'::regnamespace, 'banyan'::regnamespace)
        AND k.confrelid <> 'banyan.follow_position'::regclass`);
    expect(keys.length).toBeGreaterThan(5);
    expect(keys.filter(({ carries }) => !carries)).toEqual([]);
  });

  const INJECTIONS = [
    "'; SELECT set_config('banyan.tenant_id', '2', false); --",
    "x' OR '1'='1",
    '1); UPDATE auth_user SET is_staff = true; --',
    "\\'; COMMIT; BEGIN; SET banyan.tenant_id = 2; --",
    '$1; DROP TABLE ai_job; $$',
  ];

  test.each(INJECTIONS)('row-100-injection: is a value and nothing else: %s', async (text) => {
    const rows = async () => [
      await count('auth_user WHERE is_staff'),
      await count('ai_job WHERE tenant_id = 2'),
    ];
    const before = await rows();
    const job = (await (
      await post('acme', '/api/ai/completions/', { prompt: text, model: text.slice(0, 60) })
    ).json()) as { id: number; prompt: string };
    expect(job.prompt).toBe(text);
    const message = (await (
      await post('acme', '/api/chat/channels/1/messages/', { body: text, metadata: { [text]: text } })
    ).json()) as { body: string; metadata: unknown };
    expect(message).toMatchObject({ body: text, metadata: { [text]: text } });

    const escaped = encodeURIComponent(text).replaceAll("'", '%27');
    for (const path of ['ai/jobs/?cursor=', 'chat/channels/1/messages/?cursor=', 'ai/jobs/?page_size=']) {
      const answer = await house.call('acme', 'GET', `/api/${path}${escaped}`);
      expect(answer.status).toBeLessThan(500);
      expect(await answer.text()).not.toMatch(/theirs|syntax|SQL|prisma/i);
    }
    for (const path of ['ai/jobs', 'files'])
      expect((await house.call('acme', 'GET', `/api/${path}/1%20${escaped}/`)).status).toBeLessThan(500);
    expect(await readTenant('globex')).toEqual(['new', 'globex', expect.any(Number)]);
    expect(await rows()).toEqual(before);
  });

  const FILTERS = [
    { not: '' },
    { contains: '' },
    { gt: 0 },
    { in: ['ada', 'grace'] },
    { set: 'x' },
    { increment: 1 },
    ['a'],
    [{ not: '' }],
  ];

  test.each(FILTERS.map((filter) => [JSON.stringify(filter), filter] as const))(
    'row-101-filter-objects: is no filter: %s where a text or a number is asked for is refused',
    async (_, filter) => {
      const before = [await count('django_session'), await count('ai_job'), await count('chat_message')];
      const bodies = [
        ['/api/auth/login/', { username: filter, password: 'correct horse' }],
        ['/api/auth/login/', { username: 'ada', password: filter }],
        ['/api/ai/completions/', { prompt: filter }],
        ['/api/ai/completions/', { prompt: 'x', temperature: filter }],
        ['/api/ai/completions/', { prompt: 'x', max_tokens: filter }],
        ['/api/chat/channels/1/messages/', { body: filter }],
      ] as const;
      for (const [path, body] of bodies) {
        const answer = await post('acme', path, body);
        expect([path, answer.status, answer.headers.get('x-served-by')]).toEqual([path, 400, 'new']);
        expect(answer.headers.get('set-cookie')).toBeNull();
      }
      expect([await count('django_session'), await count('ai_job'), await count('chat_message')]).toEqual(
        before,
      );
    },
  );
});
