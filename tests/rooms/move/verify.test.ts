import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { describeProof, VerifyTrouble } from '../../../src/move/verify/index.ts';
import { connect } from '../../support/follow.ts';
import { startVerifyHouse, type VerifyHouse } from './verify-house.ts';

let house: VerifyHouse;
beforeAll(async () => {
  house = await startVerifyHouse(20);
});
afterAll(() => house.close());

const MARK = 'ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note';

test('a clean fleet of 20 tenants shows nothing, however legacy prints its values', async () => {
  for (let id = 1; id <= 20; id += 1) {
    const proof = await house.verify(id);
    expect(proof).toEqual({ kind: 'equal', rows: expect.any(Number), apart: [] });
    expect(proof.rows).toBeGreaterThan(100);
  }
});

test('while writes go on, what arrives after a moment is no finding', async () => {
  await house.legacy.query(`INSERT INTO acme.odd_values (id, note) VALUES (50, 'late')`);
  const arriving = wait(300).then(() =>
    house.fresh.query(`INSERT INTO odd_values (tenant_id, id, note) VALUES (1, 50, 'late')`),
  );
  const proof = await house.verify(1, { settle: async () => undefined });
  await arriving;
  expect(proof.kind).toBe('equal');
});

test.each(['legacy', 'new'] as const)(
  'a row that is written all the time is no finding, where all that %s had committed is waited for',
  async (owner) => {
    let [turn, isOver] = [0, false];
    const writeBoth = async () => {
      while (!isOver) {
        turn += 1;
        const before = () =>
          house.legacy.query(`INSERT INTO acme.odd_values (id, note) VALUES (51, '${turn}') ${MARK}`);
        const after = () =>
          house.fresh.query(
            `INSERT INTO odd_values (tenant_id, id, note) VALUES (1, 51, '${turn}') ON CONFLICT (tenant_id, id) DO UPDATE SET note = EXCLUDED.note`,
          );
        await (owner === 'legacy' ? before() : after());
        await wait(2);
        await (owner === 'legacy' ? after() : before());
        await wait(2);
      }
    };
    const writing = writeBoth();
    const settled: number[] = [];
    const settle = async () => {
      const until = turn + 1;
      while (turn < until) await wait(1);
      settled.push(turn);
    };
    const proofs = [];
    for (let nr = 0; nr < 5; nr += 1) proofs.push(await house.verify(1, { owner, settle }));
    isOver = true;
    await writing;
    expect(proofs.map(({ kind }) => kind)).toEqual(['equal', 'equal', 'equal', 'equal', 'equal']);
    expect(settled.length).toBeGreaterThanOrEqual(5);
    expect((await house.verify()).kind).toBe('equal');
  },
);

test('what stays different is told in spite of all looks', async () => {
  await house.legacy.query(`INSERT INTO acme.odd_values (id, note) VALUES (52, 'lost')`);
  const proof = await house.verify(1, { settle: async () => undefined });
  await house.legacy.query('DELETE FROM acme.odd_values WHERE id = 52');
  expect(proof).toMatchObject({
    kind: 'different',
    count: 1,
    findings: [{ table: 'odd_values', key: '{"id":52}', what: 'missing_on_new', columns: [] }],
  });
  expect(describeProof(proof)).toMatch(
    /^1 of \d+ rows differ: odd_values {"id":52} is missing on the new side\.$/,
  );
});

test('a column that only one side has is named and does not count; so is one of another type', async () => {
  await house.legacy.query(`ALTER TABLE initech.ai_job ADD COLUMN duration_ms integer DEFAULT 5;
    ALTER TABLE initech.ai_job ALTER COLUMN status TYPE text; ALTER TABLE initech.ai_job DROP COLUMN completion`);
  const { rows } = await house.legacy.query<{ id: number }>(
    `SELECT id FROM public.tenants_tenant WHERE schema_name = 'initech'`,
  );
  const proof = await house.verify(rows[0]?.id);
  expect(proof).toMatchObject({ kind: 'equal' });
  expect(proof.apart).toEqual([
    { table: 'ai_job', column: 'completion', what: 'only_on_new' },
    { table: 'ai_job', column: 'duration_ms', what: 'only_on_legacy' },
    { table: 'ai_job', column: 'status', what: 'other_type' },
  ]);
});

test.each([
  ['a table that legacy lacks', { tables: ['nowhere'] }, 'Legacy has no table nowhere'],
  [
    'a table that the store lacks',
    { tables: ['django_migrations'] },
    'The new store has no table django_migrations',
  ],
  ['a schema that is not there', { schema: 'nobody' }, 'Legacy has no table auth_user'],
])('%s cannot be proven, which is said', async (_, more, sentence) => {
  const proving = house.verify(1, more);
  await expect(proving).rejects.toThrow(sentence);
  await expect(proving).rejects.toBeInstanceOf(VerifyTrouble);
});

test('a role that may not read, a lock that is held, a legacy that is away: each is a sentence without an address', async () => {
  await house.legacy.query(`CREATE ROLE verify_nobody LOGIN PASSWORD 'x'`);
  const url = new URL(house.legacyUrl);
  url.username = 'verify_nobody';
  url.password = 'x';
  const nobody = new pg.Pool({ connectionString: url.href, max: 1 });
  await expect(house.verify(1, { legacy: nobody })).rejects.toThrow(/may not read/);
  await nobody.end();
  await house.legacy.query('DROP ROLE verify_nobody');

  const locker = await connect(house.legacyUrl);
  await locker.query('BEGIN; LOCK TABLE acme.chat_message IN ACCESS EXCLUSIVE MODE');
  await expect(house.verify()).rejects.toThrow(/locked by a change of its schema/);
  await locker.end();

  const away = new pg.Pool({ host: '127.0.0.1', port: 1, max: 1 });
  await expect(house.verify(1, { legacy: away })).rejects.toThrow(
    "Legacy's rows cannot be read at the moment (ECONNREFUSED).",
  );
  await away.end();
});

test('it can be called off in the middle: statements end on both sides, and connections are given back', async () => {
  // Long enough to be met in the middle; nobody's trigger fires.
  await house.legacy.query(
    `INSERT INTO acme.odd_values (id, note) SELECT n, repeat(n::text, 200) FROM generate_series(100000, 250000) n`,
  );
  const ending = new AbortController();
  const proving = house.verify(1, { signal: ending.signal });
  await wait(150);
  const startedMs = performance.now();
  ending.abort(new Error('called off'));
  await expect(proving).rejects.toThrow('called off');
  expect(performance.now() - startedMs).toBeLessThan(200);
  await wait(100);
  const { rows } = await house.legacy.query(
    `SELECT pid FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%sha256%' AND datname IN (current_database(), $1)`,
    [new URL(house.storeUrls.superUrl).pathname.slice(1)],
  );
  expect(rows).toEqual([]);
  await house.legacy.query('DELETE FROM acme.odd_values WHERE id >= 100000');
  expect((await house.verify()).kind).toBe('equal');
});

test('a key that is a text is hashed in sentences, which go to the log: it may be a session’s', () => {
  const key = '{"session_key":"abcdefghijklmnopqrstuvwxyz012345","seq":9007199254740993,"list":["x"]}';
  const finding = { table: 'django_session', key, what: 'missing_on_new', columns: [] } as const;
  const text = describeProof({ kind: 'different', rows: 1, apart: [], findings: [finding], count: 1 });
  expect(text).toBe(
    '1 of 1 rows differ: django_session {"session_key":"sha256:653bb124","seq":9007199254740993,"list":["sha256:2d711642"]} is missing on the new side.',
  );
});
