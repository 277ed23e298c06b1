import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { WebSocket } from 'ws';
import { openStub, type Stub } from './open-stub.ts';
import { ANONYMOUS, mintTag, type TagParts } from './visitor.ts';

let stub: Stub;
let client: pg.Client;
beforeAll(async () => {
  stub = await openStub(2, { tokenMs: 20 });
  client = new pg.Client({ connectionString: stub.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await stub.close();
});

const JSON_TYPE = { 'Content-Type': 'application/json' };

async function ask<Row>(sql: string): Promise<Row | undefined> {
  return (await client.query(sql)).rows[0] as Row | undefined;
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5_000; !(await check()); ) {
    if (Date.now() > end) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Begins a request by hand, so that it can be left in the middle. */
function begin(method: string, path: string, headers: Record<string, string>) {
  const { hostname, port } = new URL(stub.legacy.url);
  const tag = { 'X-Identity-Tag': mintTag(stub.mint, method, path) };
  return request({ hostname, port, method, path, headers: { ...tag, ...headers }, agent: false });
}

describe('the AI stream', () => {
  const body = '{"prompt":"one two three","stream":true}';

  test('begins before it ends, and leaves a finished job', async () => {
    const asked = begin('POST', '/api/ai/completions/', JSON_TYPE).end(body);
    const pieces = await new Promise<string[]>((resolve) =>
      asked.on('response', (answer) => {
        const seen: string[] = [];
        answer.on('data', (piece: Buffer) => seen.push(piece.toString())).on('end', () => resolve(seen));
      }),
    );
    expect(pieces.length).toBeGreaterThan(4);
    const events = pieces
      .join('')
      .split('\n\n')
      .filter(Boolean)
      .map((event) => event.replace(/^data: /, ''));
    expect(events.at(-1)).toBe('[DONE]');
    const { id, usage } = JSON.parse(events.at(-2) ?? '');
    const words = events
      .slice(0, -2)
      .map((event) => JSON.parse(event).delta)
      .join('');
    const job = await ask(
      `SELECT status, completion, prompt_tokens, completion_tokens, cost FROM acme.ai_job WHERE id = ${id}`,
    );
    const tokens = words.split(' ').length;
    expect(usage).toEqual({ prompt_tokens: 3, completion_tokens: tokens });
    expect(job).toEqual({
      status: 'done',
      completion: words,
      ...usage,
      cost: ((tokens + 3) / 10_000).toFixed(4),
    });
  });

  test('stops when the reader goes away, and the job is marked failed', async () => {
    const asked = begin('POST', '/api/ai/completions/', JSON_TYPE).end(body);
    const first = await new Promise<string>((resolve) =>
      asked.on('response', (answer) => answer.once('data', (piece: Buffer) => resolve(piece.toString()))),
    );
    const { id } = JSON.parse(first.replace(/^data: /, '').split('\n')[0] ?? '');
    asked.destroy();
    await eventually(
      async () =>
        (await ask<{ status: string }>(`SELECT status FROM acme.ai_job WHERE id = ${id}`))?.status ===
        'failed',
    );
    const job = await ask(
      `SELECT completion, finished_at, completion_tokens, cost FROM acme.ai_job WHERE id = ${id}`,
    );
    expect(job).toEqual({ completion: null, finished_at: null, completion_tokens: 0, cost: '0.0000' });
  });

  test('does not hold the lane between its words', async () => {
    const asked = begin('POST', '/api/ai/completions/', JSON_TYPE).end(body);
    const order: string[] = [];
    await new Promise<void>((resolve) =>
      asked.on('response', (answer) => {
        answer.resume().on('end', () => {
          order.push('stream');
          resolve();
        });
        void stub.visit('GET', '/api/auth/me/').then(() => order.push('me'));
      }),
    );
    expect(order).toEqual(['me', 'stream']);
  });
});

describe('an OpenAI-compatible engine', () => {
  test('is asked where AI_BASE_URL names one; its words are passed on and its failures are told', async () => {
    const seen: { path: string | undefined; key: string | undefined; body: Record<string, unknown> }[] = [];
    let mood: 'good' | 'down' | 'breaks off' = 'good';
    const engine = createServer(async (req, res) => {
      let text = '';
      for await (const piece of req) text += piece;
      const body = JSON.parse(text);
      seen.push({ path: req.url, key: req.headers.authorization, body });
      if (mood === 'down') return void res.writeHead(500).end();
      if (!body.stream)
        return void res.end(JSON.stringify({ choices: [{ message: { content: 'whole  answer' } }] }));
      res.write(`data: ${JSON.stringify({ choices: [{ delta: { role: 'assistant' } }] })}\n\n`);
      res.write(`data: ${JSON.stringify({ choices: [{ delta: { content: 'first ' } }] })}\n\nda`);
      if (mood === 'breaks off') return void res.end('');
      res.end(`ta: ${JSON.stringify({ choices: [{ delta: { content: 'zweï' } }] })}\n\ndata: [DONE]\n\n`);
    });
    await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
    const baseUrl = `http://127.0.0.1:${(engine.address() as AddressInfo).port}/v1/`;
    const remote = await openStub(1, { ai: { baseUrl, apiKey: 'k' } });
    const complete = (more: object) =>
      remote.visit('POST', '/api/ai/completions/', {
        headers: JSON_TYPE,
        body: JSON.stringify({ prompt: 'hi', ...more }),
      });
    try {
      const whole = await complete({ temperature: 0.2, max_tokens: 9 });
      expect(JSON.parse(whole.text)).toMatchObject({
        completion: 'whole  answer',
        completion_tokens: 2,
        status: 'done',
      });
      expect(seen[0]).toEqual({
        path: '/v1/chat/completions',
        key: 'Bearer k',
        body: {
          model: 'banyan-small',
          messages: [{ role: 'user', content: 'hi' }],
          temperature: 0.2,
          max_tokens: 9,
          stream: false,
        },
      });
      const streamed = await complete({ stream: true });
      const deltas = [...streamed.text.matchAll(/"delta":"([^"]*)"/g)].map((match) => match[1]);
      expect(deltas).toEqual(['first ', 'zweï']);
      mood = 'breaks off';
      const broken = await complete({ stream: true });
      expect(broken.text).toMatch(
        /"delta":"first "}\n\ndata: {"id":\d+,"status":"failed"}\n\ndata: \[DONE]\n\n$/,
      );
      mood = 'down';
      for (const stream of [false, true]) {
        const failed = await complete({ stream });
        expect([failed.status, failed.text]).toEqual([502, '{"detail":"The AI engine is not available."}']);
      }
    } finally {
      await remote.close();
      engine.closeAllConnections();
      engine.close();
    }
  });
});

describe('files', () => {
  const big = Buffer.alloc(3 * 262_144 + 17, 'The quick brown fox. ');
  const form = (name: string, content: Buffer) =>
    Buffer.concat([
      Buffer.from(
        `--b\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: Text/Plain; charset=utf-8\r\n\r\n`,
      ),
      content,
      Buffer.from('\r\n--b--\r\n'),
    ]);
  const FORM_TYPE = { 'Content-Type': 'multipart/form-data; boundary=b' };

  test('are kept in chunks of 256 KiB and come back whole, or in any range across them', async () => {
    const made = await stub.visit('POST', '/api/files/', {
      headers: FORM_TYPE,
      body: form('C:\\dir\\plän.txt', big),
    });
    expect(made.status).toBe(201);
    const { id, name, content_type, size, sha256 } = JSON.parse(made.text);
    expect({ name, content_type, size, sha256 }).toEqual({
      ...{ name: 'plän.txt', content_type: 'text/plain', size: big.length },
      sha256: createHash('sha256').update(big).digest('hex'),
    });
    const chunks = await client.query(
      `SELECT length(data) AS bytes FROM acme.files_chunk WHERE file_id = ${id} ORDER BY seq`,
    );
    expect(chunks.rows.map(({ bytes }) => bytes)).toEqual([262_144, 262_144, 262_144, 17]);

    const target = `/api/files/${id}/content/`;
    const whole = await stub.visit('GET', target);
    expect(whole.bytes.equals(big)).toBe(true);
    const ranges: [string, number, number][] = [
      ['bytes=0-0', 0, 1],
      ['bytes=262143-262144', 262_143, 262_145],
      ['bytes=100-600000', 100, 600_001],
      ['bytes=-20', big.length - 20, big.length],
      ['bytes=786431-', 786_431, big.length],
      ['bytes=0-99999999', 0, big.length],
    ];
    for (const [range, from, to] of ranges) {
      const part = await stub.visit('GET', target, { headers: { Range: range } });
      expect([range, part.status, part.headers['content-range']]).toEqual([
        range,
        206,
        `bytes ${from}-${to - 1}/${big.length}`,
      ]);
      expect(part.bytes.equals(big.subarray(from, to))).toBe(true);
    }
    for (const headers of [
      { Range: 'bytes=5-2' },
      { Range: 'bytes=0-1,3-4' },
      { Range: 'bytes=0-1', 'If-Range': '"other"' },
    ])
      expect((await stub.visit('GET', target, { headers })).status).toBe(200);
    const etag = whole.headers.etag as string;
    expect(
      (await stub.visit('GET', target, { headers: { Range: 'bytes=0-1', 'If-Range': etag } })).status,
    ).toBe(206);
    expect((await stub.visit('GET', target, { headers: { Range: `bytes=${big.length}-` } })).status).toBe(
      416,
    );
    expect((await stub.visit('GET', target, { headers: { 'If-None-Match': `"x", W/${etag}` } })).status).toBe(
      304,
    );
  });

  test('that break off on the way leave nothing behind, and no connection with their tenant', async () => {
    const before = await ask('SELECT count(*)::int AS files FROM acme.files_file');
    const asked = begin('POST', '/api/files/', FORM_TYPE);
    asked.on('error', () => {});
    const bytes = form('half.bin', big);
    await new Promise<void>((resolve) => asked.write(bytes.subarray(0, 600_000), () => resolve()));
    await eventually(
      async () =>
        (await ask("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'")) !== undefined,
    );
    asked.destroy();
    await eventually(
      async () =>
        (await ask("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'")) === undefined,
    );
    expect(await ask('SELECT count(*)::int AS files FROM acme.files_file')).toEqual(before);
    const other = await stub.visit('GET', '/api/ai/jobs/1/', { claims: { tenant: 'globex' } });
    expect(other.text).toContain('(globex 1)');
  });

  test('with a second broken part end the request, not the process', async () => {
    const body = `--b\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\nabc`;
    const answer = await stub.visit('POST', '/api/files/', { headers: FORM_TYPE, body });
    expect([answer.status, answer.text]).toEqual([
      400,
      '{"detail":"Multipart form parse error - Unexpected end of multipart data"}',
    ]);
    expect((await stub.visit('GET', '/api/auth/me/')).status).toBe(200);
  });
});

describe('chat sockets', () => {
  function connect(path: string, claims: TagParts['claims'] = {}, headers: Record<string, string> = {}) {
    const url = `${stub.legacy.url.replace('http', 'ws')}${path}`;
    const tag = mintTag(stub.mint, 'GET', path, { claims });
    const socket = new WebSocket(url, { headers: { 'X-Identity-Tag': tag, ...headers } });
    const frames: unknown[] = [];
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    const refused = new Promise<number>((resolve) =>
      socket.on('unexpected-response', (_req, answer) => resolve(answer.statusCode ?? 0)),
    );
    socket.on('message', (data) => frames.push(JSON.parse(String(data))));
    socket.on('error', () => {});
    return {
      socket,
      frames,
      closed,
      refused,
      heard: (count: number) => eventually(async () => frames.length >= count),
    };
  }

  test('hear each message of their channel, by socket or REST, and of no other tenant or channel', async () => {
    const ada = connect('/ws/chat/1/');
    const grace = connect('/ws/chat/1/', { sub: '2' });
    const elsewhere = [connect('/ws/chat/1/', { tenant: 'globex' }), connect('/ws/chat/2/')];
    await Promise.all([ada, grace, ...elsewhere].map((each) => each.heard(1)));
    expect(grace.frames[0]).toEqual({ type: 'welcome', channel: 1, user: 2 });

    for (const text of ['one', 'two', 'three'])
      ada.socket.send(JSON.stringify({ type: 'message', body: text }));
    await ada.heard(4);
    const posted = await stub.visit('POST', '/api/chat/channels/1/messages/', {
      headers: JSON_TYPE,
      body: '{"body":"four","metadata":{"n":1.50}}',
    });
    await Promise.all([ada.heard(5), grace.heard(5)]);

    expect(ada.frames.slice(1)).toEqual(grace.frames.slice(1));
    const bodies = (grace.frames.slice(1) as { message: { body: string; author: number } }[]).map(
      ({ message }) => message.body,
    );
    expect(bodies).toEqual(['one', 'two', 'three', 'four']);
    expect(grace.frames[4]).toEqual({ type: 'message', message: JSON.parse(posted.text) });
    expect(posted.text).toContain('"metadata":{"n":1.50}');
    for (const each of elsewhere) expect(each.frames).toHaveLength(1);
    for (const each of [ada, grace, ...elsewhere]) each.socket.close();
    await Promise.all([ada, grace, ...elsewhere].map((each) => each.closed));
  });

  test('are told what is wrong with a frame, and stay open', async () => {
    const ada = connect('/ws/chat/1/');
    await ada.heard(1);
    for (const frame of [
      'no json',
      '[]',
      '{"type":"shout"}',
      '{"type":"message"}',
      '{"type":"message","body":" "}',
      '{"type":"message","body":7}',
    ])
      ada.socket.send(frame);
    ada.socket.send(Buffer.from('{"type":"message","body":"binary"}'));
    await ada.heard(8);
    expect((ada.frames.slice(1) as { detail: string }[]).map(({ detail }) => detail)).toEqual([
      ...[
        'Expected a JSON object.',
        'Expected a JSON object.',
        'Unknown type.',
        'body: This field is required.',
      ],
      ...['body: This field may not be blank.', 'body: Not a valid string.', 'Expected a JSON object.'],
    ]);
    ada.socket.close();
    await ada.closed;
  });

  test('close with 4403 for nobody, 4404 for an unknown channel, 1009 for a frame that is too big', async () => {
    expect(await connect('/ws/chat/1/', ANONYMOUS).closed).toBe(4403);
    expect(await connect('/ws/chat/999/').closed).toBe(4404);
    expect(await connect('/ws/chat/x/').closed).toBe(4404);
    const loud = connect('/ws/chat/1/');
    await loud.heard(1);
    loud.socket.send('x'.repeat(65_537));
    expect(await loud.closed).toBe(1009);
  });

  test('are not opened without a tag, on another path, or by a page of another site', async () => {
    const forged = new WebSocket(`${stub.legacy.url.replace('http', 'ws')}/ws/chat/1/`);
    forged.on('error', () => {});
    const status = await new Promise((resolve) =>
      forged.on('unexpected-response', (_req, answer) => resolve(answer.statusCode)),
    );
    expect(status).toBe(403);
    expect(await connect('/ws/other/').refused).toBe(404);
    const host = { Host: 'acme.localhost:8080' };
    const bySession = { amr: ['session'] };
    expect(await connect('/ws/chat/1/', bySession, { ...host, Origin: 'https://evil.example' }).refused).toBe(
      403,
    );
    const own = connect('/ws/chat/1/', bySession, { ...host, Origin: 'http://acme.localhost:8080' });
    await own.heard(1);
    own.socket.close();
    await own.closed;
  });
});
