import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import {
  type DriftWish,
  describeDrift,
  type Mover,
  openMover,
  prepareFollow,
  prepareReturn,
  readDrift,
} from '../../../src/move/index.ts';
import {
  type FeatureName,
  type MappingRules,
  type MoveOrder,
  type MoveOrderKind,
  makeMapping,
  type TenantId,
} from '../../../src/vocabulary/index.ts';
import { type FollowedHouse, startFollowedHouse } from '../../support/follow.ts';

const RULES = {
  auth_user: { columns: { first_name: 'last_name', last_name: 'first_name' } },
  chat_message: {
    from: 'messages',
    columns: { body: 'text', author_id: 'user_id' },
    leaveOut: ['legacy_flags'],
  },
  files_chunk: { from: 'blobs', columns: { file_id: 'file', seq: 'Part "nr"' } },
} as const;

/** As if legacy had always had other names: in every schema, with a table of its own that has a name of the new side's. */
const arrange = ['acme', 'globex', 'initech']
  .map(
    (schema) => `
  ALTER TABLE ${schema}.auth_user RENAME COLUMN first_name TO spare;
  ALTER TABLE ${schema}.auth_user RENAME COLUMN last_name TO first_name;
  ALTER TABLE ${schema}.auth_user RENAME COLUMN spare TO last_name;
  ALTER TABLE ${schema}.chat_message RENAME TO messages;
  ALTER TABLE ${schema}.messages RENAME COLUMN body TO text;
  ALTER TABLE ${schema}.messages RENAME COLUMN author_id TO user_id;
  ALTER TABLE ${schema}.messages ADD COLUMN legacy_flags integer NOT NULL DEFAULT 7;
  ALTER TABLE ${schema}.files_chunk RENAME TO blobs;
  ALTER TABLE ${schema}.blobs RENAME COLUMN file_id TO file;
  ALTER TABLE ${schema}.blobs RENAME COLUMN seq TO "Part ""nr""";
  CREATE TABLE ${schema}.chat_message (id integer PRIMARY KEY, body text);`,
  )
  .join('\n');

const TABLES = ['auth_user', 'chat_channel', 'chat_message', 'files_file', 'files_chunk'] as const;
const FEATURE = 'all' as FeatureName;

let house: FollowedHouse;
let mover: Mover;
let app: pg.Pool;
beforeAll(async () => {
  house = await startFollowedHouse({ tenants: 3, mapping: makeMapping(RULES), arrange });
  app = new pg.Pool({ connectionString: house.database.appUrl, max: 2 });
  await prepareReturn(house.legacyUrl);
  await house.store.moves.begin(FEATURE, TABLES);
  const { legacyUrl, slot, store, follower, database } = house;
  const wish = { legacyUrl, storeUrl: database.appUrl, slot, store, follower, emit: () => undefined };
  mover = openMover({ ...wish, recheckMs: 0 });
});
afterAll(async () => {
  await mover?.close();
  await app?.end();
  await house?.close();
});

const legacy = (sql: string) => house.legacy.query(sql);

/** Both sides by the new side's names. */
async function readBoth(tenant: number, schema: string) {
  const before = [
    `SELECT id, text AS body, metadata::text, user_id AS author_id, channel_id FROM ${schema}.messages`,
    `SELECT file AS file_id, "Part ""nr""" AS seq, md5(data) FROM ${schema}.blobs`,
    `SELECT id, last_name AS first_name, first_name AS last_name, username FROM ${schema}.auth_user`,
  ];
  const after = [
    'SELECT id, body, metadata::text, author_id, channel_id FROM chat_message',
    'SELECT file_id, seq, md5(data) FROM files_chunk',
    'SELECT id, first_name, last_name, username FROM auth_user',
  ];
  const read = async (client: pg.Client, statements: readonly string[], where: string) => {
    const found: unknown[][] = [];
    for (const sql of statements) found.push((await client.query(`${sql} ${where} ORDER BY 1, 2`)).rows);
    return found;
  };
  return {
    before: await read(house.legacy, before, ''),
    after: await read(house.superuser, after, `WHERE tenant_id = ${tenant}`),
  };
}

async function expectSame(tenant = 1, schema = 'acme'): Promise<void> {
  const { before, after } = await readBoth(tenant, schema);
  expect(before.map((rows) => rows.length > 0)).toEqual([true, true, true]);
  expect(after).toEqual(before);
}

async function carryOut(order: MoveOrderKind, tenant = 1): Promise<MoveOrder> {
  const wish = { feature: FEATURE, tenant: tenant as TenantId, order, author: 'test' };
  const ordered = await house.store.moves.order(wish);
  if (ordered === undefined) throw new Error('There is an open order already.');
  for (;;) {
    const now = await house.store.moves.findOrder(ordered.id);
    if (now && (now.state === 'done' || now.state === 'failed')) return now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function write(...statements: readonly string[]): Promise<void> {
  const client = await app.connect();
  try {
    await client.query(`BEGIN; SELECT set_config('banyan.tenant_id', '1', true)`);
    for (const one of statements) await client.query(one);
    await client.query('COMMIT');
  } finally {
    client.release(true);
  }
}

const plan = (rules: MappingRules, more: Partial<DriftWish> = {}) =>
  readDrift({
    legacyUrl: house.legacyUrl,
    storeUrl: house.database.appUrl,
    features: { all: TABLES },
    mapping: makeMapping(rules),
    ...more,
  });
const tell = async (rules: MappingRules) =>
  (await plan(rules)).findings
    .filter(({ tenant }) => tenant === undefined || tenant.name === 'acme')
    .map(({ kind, place, source, weight }) => [weight, kind, place, ...(source ? [source] : [])].join(' '));

test('the plan compares catalogs through the mapping, and says what a return would write to what is left out', async () => {
  const report = await plan(RULES);
  expect(describeDrift(report)).toEqual([
    '3 tenants, 15 tables: 3 can be moved, 0 cannot.',
    'note   acme, globex, initech  chat_message.legacy_flags (messages.legacy_flags on legacy): Knowingly left out: the new side has not got it, and legacy keeps what it has. A row that is carried back has 7 there.',
  ]);
  expect(report.mapping[0]?.tables[2]).toMatchObject({
    source: 'messages',
    target: 'chat_message',
    key: ['id'],
    refersTo: expect.arrayContaining(['auth_user', 'chat_channel']),
  });
  expect(report.mapping[0]?.tables[4]).toMatchObject({ source: 'blobs', key: ['file', 'Part "nr"'] });
});

test('rules, special keys and foreign keys are compared under the new names; a name of a type is no column', async () => {
  await legacy(`
    ALTER TABLE acme.messages ADD CONSTRAINT said CHECK (text <> 'text' AND (user_id)::text <> '' AND length(text) > 0);
    CREATE UNIQUE INDEX once ON acme.messages (lower(text), user_id) WHERE text = 'x';
    ALTER TABLE acme.messages ALTER legacy_flags DROP DEFAULT`);
  expect(await tell(RULES)).toEqual([
    expect.stringMatching(/^stops other_unique chat_message messages$/),
    expect.stringMatching(/^stops other_rule chat_message messages$/),
    'stops column_extra chat_message.legacy_flags messages.legacy_flags',
  ]);
  const sentences = (await plan(RULES)).findings.map(({ sentence }) => sentence).join('\n');
  expect(sentences).toContain(
    "((body <> 'text'::text) AND ((author_id)::text <> ''::text) AND (length(body) > 0))",
  );
  expect(sentences).toContain("(author_id) lower(body) where (body = 'x'::text)");
  expect(sentences).toContain('It is to be left out, and has to have a value: legacy would refuse rows');
  await legacy(
    `ALTER TABLE acme.messages DROP CONSTRAINT said, ALTER legacy_flags SET DEFAULT 7; DROP INDEX acme.once`,
  );
});

test('what a mapping names and the store lacks, or takes from another, stops everybody', async () => {
  const { chat_message } = RULES;
  const wrong = {
    ...RULES,
    chat_message: { ...chat_message, columns: { body: 'text', writer_id: 'user_id' } },
    files_file: { from: 'chat_channel', columns: { name: 'sha256' } },
  };
  expect(await tell(wrong)).toEqual(
    expect.arrayContaining([
      'stops column_unknown chat_message.writer_id',
      'stops source_taken chat_channel',
      'stops source_taken files_file.sha256',
      'stops column_missing chat_message.author_id messages.author_id',
    ]),
  );
});

test('rows of renamed tables and columns are copied, their counters with them', async () => {
  await expectSame();
  await expectSame(2, 'globex');
  const { rows } = await house.superuser.query(
    `SELECT last_id = (SELECT max(id) FROM chat_message WHERE tenant_id = 1) AS level
     FROM banyan.id_counter WHERE tenant_id = 1 AND table_name = 'chat_message'`,
  );
  expect(rows).toEqual([{ level: true }]);
});

test('what legacy writes follows by the new names: insert, update, delete, a changed key, TRUNCATE', async () => {
  await legacy(`
    INSERT INTO acme.messages (id, text, metadata, created_at, user_id, channel_id) VALUES (7001, 'followed', '{}', now(), 1, 1);
    UPDATE acme.messages SET text = 'changed' WHERE id = 1;
    UPDATE acme.messages SET legacy_flags = 8 WHERE id = 3;
    DELETE FROM acme.messages WHERE id = 2;
    UPDATE acme.messages SET id = 7002 WHERE id = 4;
    UPDATE acme.blobs SET "Part ""nr""" = 77 WHERE file = (SELECT min(file) FROM acme.blobs) AND "Part ""nr""" = 0;
    UPDATE acme.auth_user SET first_name = 'of the family' WHERE id = 1;
    INSERT INTO acme.chat_message VALUES (1, 'of another kind');
    DELETE FROM acme.chat_message;
    TRUNCATE globex.blobs, globex.chat_message`);
  await house.catchUp();
  await expectSame();
  const { rows } = await house.superuser.query(
    `SELECT (SELECT count(*)::int FROM files_chunk WHERE tenant_id = 2) AS chunks,
       (SELECT count(*) > 0 FROM chat_message WHERE tenant_id = 2) AS messages`,
  );
  expect(rows).toEqual([{ chunks: 0, messages: true }]);
  expect((await house.superuser.query('SELECT FROM banyan.row_standing')).rowCount).toBe(0);
});

test("verify compares across names, and tells what differs by the new side's", async () => {
  expect(await carryOut('verify')).toMatchObject({ state: 'done' });
  await house.superuser.query(
    `SET banyan.note = 'copy'; UPDATE chat_message SET body = body || '!' WHERE tenant_id = 1 AND id = 7001; RESET banyan.note`,
  );
  expect((await carryOut('verify')).detail).toContain('chat_message {"id":7001} differs in body');
  await legacy(`UPDATE acme.messages SET text = text || '?' WHERE id = 7001`);
  await house.catchUp();
  expect(await carryOut('verify')).toMatchObject({ state: 'done' });
});

test("a schema that has drifted under legacy's names is not handed over, and told by them", async () => {
  await legacy('ALTER TABLE globex.messages ADD COLUMN stray integer');
  expect(await carryOut('hand_over', 2)).toMatchObject({
    state: 'failed',
    detail: expect.stringContaining('globex messages.stray: The store has no such column'),
  });
});

test("there and back: what the new side writes comes to legacy under legacy's names, ids with it", async () => {
  await legacy(`SELECT setval('acme.chat_message_id_seq', 9000)`);
  expect(await carryOut('hand_over')).toMatchObject({ state: 'done' });
  await write(
    `INSERT INTO chat_message (tenant_id, id, channel_id, author_id, body, metadata, created_at) VALUES (1, 8001, 1, 1, 'of the new side', '{}', now())`,
    `UPDATE chat_message SET body = 'changed here', author_id = 2 WHERE tenant_id = 1 AND id = 3`,
    `UPDATE chat_message SET id = 8002 WHERE tenant_id = 1 AND id = 7002`,
    `DELETE FROM chat_message WHERE tenant_id = 1 AND id = 1`,
    `UPDATE files_chunk SET seq = 78 WHERE tenant_id = 1 AND seq = 77`,
    `UPDATE auth_user SET first_name = 'given', last_name = 'family' WHERE tenant_id = 1 AND id = 1`,
    `UPDATE banyan.id_counter SET last_id = 9500 WHERE tenant_id = 1 AND table_name = 'chat_message' AND last_id = 9000`,
  );
  await legacy(`UPDATE globex.messages SET text = 'goes on' WHERE id = 1`);
  expect(await carryOut('hand_back')).toMatchObject({ state: 'done' });
  await expectSame();
  const { rows } = await legacy(
    `SELECT id, text, user_id, legacy_flags FROM acme.messages WHERE id IN (3, 8001) ORDER BY id`,
  );
  expect(rows).toEqual([
    { id: 3, text: 'changed here', user_id: 2, legacy_flags: 8 },
    { id: 8001, text: 'of the new side', user_id: 1, legacy_flags: 7 },
  ]);
  const { rows: next } = await legacy(`SELECT nextval('acme.chat_message_id_seq')::int AS id`);
  expect(next).toEqual([{ id: 9501 }]);
  expect((await house.superuser.query('SELECT FROM banyan.stranger')).rowCount).toBe(0);
});

test("a stranger on legacy is named by the new side's table", async () => {
  expect(await carryOut('hand_over')).toMatchObject({ state: 'done' });
  await legacy(`UPDATE acme.messages SET text = 'not its own' WHERE id = 8001`);
  await house.catchUp();
  const { rows } = await house.superuser.query('SELECT table_name, key::text FROM banyan.stranger');
  expect(rows).toEqual([{ table_name: 'chat_message', key: '{"id":8001}' }]);
});

test('another mapping is refused while tenants follow, or the new side owns rows; the same one is not', async () => {
  const urls = { legacyUrl: house.legacyUrl, ownerUrl: house.database.ownerUrl, slot: house.slot };
  await expect(prepareFollow(urls)).rejects.toThrow(/not the one by which the new side's rows go back/);
  await house.superuser.query(`UPDATE banyan.tenure SET owner = 'legacy'`);
  await expect(prepareFollow(urls)).rejects.toThrow(/not the one by which tenants follow/);
  const same = makeMapping({ chat_channel: { columns: { id: 'id' } }, ...RULES });
  expect(await prepareFollow({ ...urls, mapping: same })).toMatchObject({ slot: 'kept', tenants: 0 });
});

test('a mapping that the store does not fit is refused before anything is copied', async () => {
  const urls = { legacyUrl: house.legacyUrl, ownerUrl: house.database.ownerUrl, slot: house.slot };
  const wrong = makeMapping({ chat_massage: { from: 'messages' }, ai_job: { columns: { modell: 'model' } } });
  await expect(prepareFollow({ ...urls, mapping: wrong })).rejects.toThrow(
    /names ai_job\.modell, chat_massage, and/,
  );
  const orphan = makeMapping({ chat_message: { from: 'chat_channel' } });
  await expect(prepareFollow({ ...urls, mapping: orphan })).rejects.toThrow(
    /store's chat_channel would have no source/,
  );
});

test("rows are measured: what the store would not take is counted for each tenant, and told by legacy's names", async () => {
  const measure = (measureMs: number) => plan(RULES, { measureMs });
  const clean = await measure(60_000);
  expect(clean.measured).toMatchObject({ tenants: 3, left: [] });
  expect(describeDrift(clean)[1]).toMatch(/^Measured: \d+ rows of 3 tenants in \d+\.\d s; all would fit\.$/);
  await legacy(`
    ALTER TABLE initech.messages ALTER text DROP NOT NULL, DROP CONSTRAINT chat_message_channel_id_fk_chat_channel_id;
    UPDATE initech.messages SET text = NULL WHERE id IN (5, 6);
    UPDATE initech.messages SET channel_id = 99999 WHERE id = 7;
    ALTER TABLE initech.auth_user DROP CONSTRAINT auth_user_username_key, ALTER first_name TYPE varchar(300), ALTER email TYPE text;
    UPDATE initech.auth_user SET username = 'one and the same' WHERE id IN (1, 2);
    UPDATE initech.auth_user SET first_name = repeat('x', 151) WHERE id = 1`);
  const unfit = (await measure(60_000)).findings.filter(({ kind }) => kind === 'rows_unfit');
  expect(unfit.map(({ tenant, place, source, sentence }) => [tenant?.name, place, source, sentence])).toEqual(
    expect.arrayContaining([
      ['initech', 'chat_message.body', 'messages.text', expect.stringMatching(/^2 rows have NULL there/)],
      [
        'initech',
        'chat_message',
        'messages',
        expect.stringMatching(/^1 rows refer by \(channel_id\) to rows of chat_channel/),
      ],
      [
        'initech',
        'auth_user',
        undefined,
        expect.stringMatching(/^1 values of \(username\) are there more than once/),
      ],
      [
        'initech',
        'auth_user.last_name',
        'auth_user.first_name',
        expect.stringMatching(/^1 values do not fit character varying\(150\)/),
      ],
    ]),
  );
  expect(unfit).toHaveLength(4);
  expect((await measure(0)).measured).toMatchObject({
    tenants: 0,
    rows: 0,
    left: ['acme', 'globex', 'initech'],
  });
});
