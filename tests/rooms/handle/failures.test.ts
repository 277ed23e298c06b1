import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { type AiEngine, openLocalEngine } from '../../../src/handle/index.ts';
import { filePart, writeForm } from '../../contracts/questions.ts';
import { asSuperuser } from '../../support/database.ts';
import {
  ADA,
  type Ask,
  createSameRows,
  HOST,
  type NewWish,
  type SameRows,
  type Side,
  startNewSide,
} from '../../support/sides.ts';

let rows: SameRows;
let side: Side | undefined;
let admin: pg.Client;

beforeAll(async () => {
  rows = await createSameRows(1);
  admin = new pg.Client({ connectionString: rows.store.superUrl });
  admin.on('error', () => undefined);
  await admin.connect();
});
afterEach(async () => {
  await side?.close();
  side = undefined;
});
afterAll(async () => {
  await admin.end();
  await rows.drop();
});

async function start(wish: NewWish = {}): Promise<Side> {
  side = await startNewSide(rows, wish);
  return side;
}

async function count(sql: string): Promise<number> {
  const { rows: found } = await admin.query<{ count: string }>(`SELECT count(*) FROM ${sql}`);
  return Number(found[0]?.count);
}

async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await isTrue()) return;
    await wait(30);
  }
  throw new Error('It did not become true in time.');
}

const complete = (body: object): Ask => ({
  method: 'POST',
  target: '/api/ai/completions/',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ prompt: 'x', ...body }),
});

function brokenEngine(after: number): AiEngine {
  const local = openLocalEngine();
  return {
    effect: 'outside',
    complete: () => Promise.reject(new Error('down')),
    async *stream(ask, signal) {
      let said = 0;
      for await (const word of local.stream(ask, signal)) {
        if (said++ === after) throw new Error('down');
        yield word;
      }
    },
  };
}

const lastJob = async (asked: Side) =>
  (
    (await asked.ask({ target: '/api/ai/jobs/?page_size=1' })).json as {
      results: readonly { status: string }[];
    }
  ).results[0];

test.each([{}, { stream: true }])(
  'an engine that is down answers 502 and leaves a failed job: %j',
  async (body) => {
    const asked = await start({ ai: brokenEngine(0) });
    const { status, text } = await asked.ask(complete(body));
    expect([status, text]).toEqual([502, '{"detail":"The AI engine is not available."}']);
    expect(await lastJob(asked)).toMatchObject({
      status: 'failed',
      completion: null,
      completion_tokens: 0,
      cost: '0.0000',
    });
  },
);

test('an engine that breaks off ends the stream with an event that says so', async () => {
  const asked = await start({ ai: brokenEngine(2) });
  const { status, text } = await asked.ask(complete({ stream: true }));
  expect([status, text.split('\n\n').length]).toEqual([200, 5]);
  expect(text).toMatch(/data: \{"id":\d+,"status":"failed"\}\n\ndata: \[DONE\]\n\n$/);
  expect(await lastJob(asked)).toMatchObject({ status: 'failed' });
});

test('an engine that hangs holds no connection, and is given up at its own limit', async () => {
  const hanging: AiEngine = {
    effect: 'outside',
    complete: (_ask, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject)),
    async *stream() {},
  };
  const asked = await start({ ai: hanging, aiTimeoutMs: 600, poolSize: 1 });
  const slow = asked.ask(complete({}));
  await wait(100);
  expect((await asked.ask({ target: '/api/auth/me/' })).status).toBe(200);
  expect((await slow).status).toBe(502);
});

test('a route whose time is over fails without an answer, and says that it may have written', async () => {
  const hanging: AiEngine = {
    effect: 'outside',
    complete: () => new Promise(() => undefined),
    async *stream() {},
  };
  const asked = await start({ ai: hanging, timeoutMs: 400 });
  expect((await asked.ask(complete({}))).headers['x-failure']).toBe('new_too_slow');
  expect(asked.outcomes).toEqual([
    { kind: 'failed', failure: expect.objectContaining({ code: 'new_too_slow', retrySafe: false }) },
  ]);
  await until(async () => (await count("ai_job WHERE status = 'running' AND id > 46")) === 0);
});

test('a reader who leaves a stream leaves a failed job, and the engine is stopped', async () => {
  let stopped = false;
  const endless: AiEngine = {
    effect: 'outside',
    complete: async () => '',
    async *stream(_ask, signal) {
      signal.addEventListener('abort', () => {
        stopped = true;
      });
      for (;;) {
        yield 'word ';
        await wait(10, undefined, { signal });
      }
    },
  };
  const asked = await start({ ai: endless });
  const address = await portOf(asked);
  const socket = connect(address, '127.0.0.1');
  const body = '{"prompt":"x","stream":true}';
  socket.write(
    `POST /api/ai/completions/ HTTP/1.1\r\nHost: ${HOST}\r\nX-Test-Caller: ${JSON.stringify(ADA)}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await once(socket, 'data');
  socket.destroy();
  await until(() => asked.outcomes.length === 1);
  expect([asked.outcomes[0]?.kind, stopped]).toEqual(['abandoned', true]);
  await until(async () => (await count("ai_job WHERE status = 'running' AND id > 46")) === 0);
});

test('an upload whose sender leaves is cleaned up, and was never seen', async () => {
  const asked = await start();
  const form = writeForm([filePart('lost.bin', Buffer.alloc(2_000_000))]);
  const socket = connect(await portOf(asked), '127.0.0.1');
  socket.write(
    `POST /api/files/ HTTP/1.1\r\nHost: ${HOST}\r\nX-Test-Caller: ${JSON.stringify(ADA)}\r\nContent-Type: multipart/form-data; boundary=contract-boundary\r\nContent-Length: ${form.length}\r\n\r\n`,
  );
  socket.write(form.subarray(0, 1_200_000));
  await until(async () => (await count('files_file WHERE size = -1')) === 1);
  expect((await asked.ask({ target: '/api/files/' })).text).not.toContain('lost.bin');
  expect(((await asked.ask({ target: '/api/dashboard/summary/' })).json as { files: object }).files).toEqual({
    count: 7,
    bytes: 603431,
  });
  socket.destroy();
  await until(async () => (await count('files_file WHERE size = -1')) === 0);
  expect(await count('files_chunk WHERE file_id > 7')).toBe(0);
  expect(asked.outcomes.at(-1)?.kind).toBe('abandoned');
});

test('a slow upload holds no connection between its chunks', async () => {
  const asked = await start({ poolSize: 1 });
  const form = writeForm([filePart('slow.bin', Buffer.alloc(600_000))]);
  const socket = connect(await portOf(asked), '127.0.0.1');
  socket.write(
    `POST /api/files/ HTTP/1.1\r\nHost: ${HOST}\r\nX-Test-Caller: ${JSON.stringify(ADA)}\r\nContent-Type: multipart/form-data; boundary=contract-boundary\r\nContent-Length: ${form.length}\r\nConnection: close\r\n\r\n`,
  );
  socket.write(form.subarray(0, 550_000));
  await until(async () => (await count('files_chunk WHERE file_id > 7')) >= 1);
  expect((await asked.ask({ target: '/api/auth/me/' })).status).toBe(200);
  socket.write(form.subarray(550_000));
  const [head] = await once(socket, 'data');
  expect(String(head)).toMatch(/^HTTP\/1\.1 201 /);
  await admin.query('DELETE FROM files_file WHERE id > 7');
});

test('what a process that died left of an upload is swept up by the next', async () => {
  const asked = await start();
  await admin.query(
    "INSERT INTO files_file (tenant_id, id, owner_id, name, content_type, size, sha256, created_at) VALUES (1, 5000, 1, 'dead', 'x/y', -1, '', now() - interval '25 hours')",
  );
  const { status } = await asked.ask({
    method: 'POST',
    target: '/api/files/',
    headers: { 'content-type': 'multipart/form-data; boundary=contract-boundary' },
    body: writeForm([filePart('next.txt', 'x')]),
  });
  expect([status, await count('files_file WHERE id = 5000')]).toEqual([201, 0]);
  await admin.query('DELETE FROM files_file WHERE id > 7');
});

test('a file or body that is too large is a failure of the caller, and nothing of it stays', async () => {
  const asked = await start({ largestFileBytes: 500_000 });
  const upload = await asked.ask({
    method: 'POST',
    target: '/api/files/',
    headers: { 'content-type': 'multipart/form-data; boundary=contract-boundary' },
    body: writeForm([filePart('large.bin', Buffer.alloc(900_000))]),
  });
  const json = await asked.ask(complete({ prompt: 'x'.repeat(1_100_000) }));
  expect([upload.status, json.status]).toEqual([413, 413]);
  expect(asked.outcomes).toEqual(
    Array(2).fill({
      kind: 'failed',
      failure: expect.objectContaining({ code: 'body_too_large', blame: 'caller' }),
    }),
  );
  expect(await count('files_file WHERE id > 7')).toBe(0);
});

test('a file that is deleted while it is sent cuts the connection instead of ending it short', async () => {
  const asked = await start();
  await admin.query('DELETE FROM files_chunk WHERE file_id = 5 AND seq = 2');
  await expect(asked.ask({ target: '/api/files/5/content/' })).rejects.toThrow();
  expect(asked.outcomes).toEqual([
    { kind: 'cut', status: 200, failure: expect.objectContaining({ code: 'new_failed' }) },
  ]);
});

test('a crash before the answer is a failure with an event that names the handler, and no secret', async () => {
  const asked = await start();
  await admin.query('ALTER TABLE ai_job RENAME TO ai_job_away');
  try {
    const { headers } = await asked.ask({ target: '/api/ai/jobs/1/' });
    expect(headers['x-failure']).toBe('new_failed');
    expect(headers.allow).toBeUndefined();
    expect(asked.outcomes[0]).toEqual({
      kind: 'failed',
      failure: expect.objectContaining({ retrySafe: true }),
    });
    expect(asked.events).toEqual([
      expect.objectContaining({ type: 'handler_failed', error: expect.stringMatching(/^ai\/job: /) }),
    ]);
  } finally {
    await admin.query('ALTER TABLE ai_job_away RENAME TO ai_job');
  }
});

test('an unknown tenant is told as such', async () => {
  const asked = await start();
  const { headers } = await asked.ask({ target: '/api/auth/me/', as: { tenant: 'nowhere', user: 1 } });
  expect(headers['x-failure']).toBe('tenant_unknown');
});

test('a database that is away is a failure that may be retried on the other side', async () => {
  const asked = await start();
  expect((await asked.ask({ target: '/api/auth/me/' })).status).toBe(200);
  await asSuperuser(`ALTER DATABASE ${rows.store.name} ALLOW_CONNECTIONS false`);
  try {
    await asSuperuser(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${rows.store.name}' AND usename = 'banyan_app'`,
    );
    const read = await asked.ask({ target: '/api/auth/me/' });
    const write = await asked.ask(complete({}));
    expect([read.headers['x-failure'], write.headers['x-failure']]).toEqual([
      'store_unavailable',
      'store_unavailable',
    ]);
    for (const outcome of asked.outcomes.slice(1))
      expect(outcome).toMatchObject({ kind: 'failed', failure: { retrySafe: true, retryAfterS: 1 } });
    expect(asked.events).toEqual([]);
  } finally {
    await asSuperuser(`ALTER DATABASE ${rows.store.name} ALLOW_CONNECTIONS true`);
  }
});

test('what stood in the headers before stays there', async () => {
  const asked = await start();
  expect((await asked.ask({ target: '/api/auth/me/' })).headers['x-request-id']).toMatch(/^[\w-]{8,}$/);
});

function portOf(asked: Side): Promise<number> {
  const socket = asked.openSocket({ target: '/ws/chat/1/' });
  const { port } = new URL(socket.url);
  const closed = once(socket, 'close');
  socket.on('open', () => socket.close());
  return closed.then(() => {
    (asked.outcomes as unknown[]).length = 0;
    return Number(port);
  });
}
