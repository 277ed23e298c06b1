import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { AiEngine, RecordedEffect } from '../../../src/handle/index.ts';
import type { RowChange } from '../../../src/vocabulary/index.ts';
import { filePart, uploadAsk } from '../../contracts/questions.ts';
import { until } from '../../support/house.ts';
import { type Ask, createSameRows, type SameRows, type Side, startNewSide } from '../../support/sides.ts';

let rows: SameRows;
let side: Side;
let asked = 0;
const recorded: RecordedEffect[] = [];
const written: (readonly RowChange[])[] = [];

const paidEngine: AiEngine = {
  effect: 'outside',
  complete: async () => {
    asked += 1;
    return 'expensive';
  },
  async *stream() {
    asked += 1;
    yield 'expensive';
  },
};

const keep = (effects: readonly RecordedEffect[], changes: readonly RowChange[]) => {
  recorded.push(...effects);
  written.push(changes);
};

beforeAll(async () => {
  rows = await createSameRows(1);
  side = await startNewSide(rows, { ai: paidEngine, rehearse: keep });
});
afterAll(async () => {
  await side.close();
  await rows.drop();
});

/** Every row of every tenant table, and where the ids stand. */
async function lookAtEverything(): Promise<unknown> {
  const client = new pg.Client({ connectionString: rows.store.superUrl });
  await client.connect();
  const tables = [
    'auth_user',
    'django_session',
    'ai_job',
    'chat_channel',
    'chat_message',
    'files_file',
    'files_chunk',
    'banyan.id_counter',
  ];
  const hash = (table: string) =>
    `(SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM ${table} t) AS "${table}"`;
  const { rows: found } = await client.query(`SELECT ${tables.map(hash).join(', ')}`);
  await client.end();
  return found;
}

const write = (method: string, target: string, body: string): Ask => ({
  method,
  target,
  headers: { 'content-type': 'application/json' },
  body,
});

test('a rehearsal answers as in earnest, changes no row, and records instead of acting', async () => {
  const before = await lookAtEverything();
  const completion = await side.ask(write('POST', '/api/ai/completions/', '{"prompt":"one two"}'));
  const stream = await side.ask(write('POST', '/api/ai/completions/', '{"prompt":"one two","stream":true}'));
  const message = await side.ask(write('POST', '/api/chat/channels/1/messages/', '{"body":"hello"}'));
  const login = await side.ask({
    ...write('POST', '/api/auth/login/', '{"username":"ada","password":"demo"}'),
    as: { tenant: 'acme' },
  });
  const logout = await side.ask({
    method: 'POST',
    target: '/api/auth/logout/',
    headers: { cookie: `sessionid=${'a'.repeat(32)}` },
  });
  const upload = await side.ask(uploadAsk([filePart('big.bin', Buffer.alloc(700_000, 'x'))]));
  const refused = await side.ask(write('POST', '/api/chat/channels/1/messages/', '{"body":""}'));
  const gone = await side.ask({ method: 'DELETE', target: '/api/files/5/' });

  expect(
    [completion, stream, message, login, logout, upload, refused, gone].map(({ status }) => status),
  ).toEqual([201, 200, 201, 200, 204, 201, 400, 204]);
  expect(completion.json).toMatchObject({
    completion: 'as legacy said',
    status: 'done',
    completion_tokens: 3,
  });
  expect(stream.text).toContain('"delta":"legacy "');
  // An answer leaves before its rehearsal is undone.
  await until(() => side.outcomes.length === 8, 'the last rehearsal to be undone');
  expect(await lookAtEverything()).toEqual(before);
  expect(asked).toBe(0);
  expect(recorded.map(({ kind }) => kind).toSorted()).toEqual([
    'ai_asked',
    'ai_asked',
    'chat_published',
    'session_ended',
  ]);
  const tables = written.map((changes) => changes.map(({ table, change }) => `${change} ${table}`).join());
  expect(tables.filter((line) => line !== '').toSorted()).toEqual([
    'delete files_file,delete files_chunk,delete files_chunk,delete files_chunk',
    'insert ai_job,update ai_job',
    'insert ai_job,update ai_job',
    'insert chat_message',
    'insert files_file,insert files_chunk,insert files_chunk,insert files_chunk,update files_file',
    'update auth_user,insert django_session',
  ]);
  expect(JSON.stringify(recorded)).not.toMatch(/hello|one two|aaaa/);
});
