import { createHash, randomBytes } from 'node:crypto';
import { createServer, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { freePort } from '../../support/free-port.ts';
import { openRawServer, type RawServer, sendRaw } from '../../support/raw-http.ts';
import { openDoor } from './door.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(answer: Parameters<typeof openRawServer>[0], wish: Parameters<typeof openDoor>[1] = {}) {
  const legacy = await openRawServer(answer);
  const door = await openDoor(legacy.url, wish);
  closers.push(legacy.close, door.close);
  return { legacy, door };
}

const GET = 'GET /x?b=2&a=%20 HTTP/1.1\r\nHost: acme.localhost\r\n\r\n';

describe('what legacy sends arrives', () => {
  test('header lines keep their case, order and repeats; those of the connection end here; the request id is added', async () => {
    const { door } = await open((socket) =>
      socket.write(
        'HTTP/1.1 218 Fine By Me\r\nsErVeR: gunicorn\r\nSet-Cookie: a=1\r\nX-Odd: z\r\nSet-Cookie: b=2\r\nConnection: keep-alive, X-Secret\r\n' +
          'X-Secret: 1\r\nKeep-Alive: timeout=2\r\nX-Request-Id: legacys-own\r\nDate: Mon, 05 Jan 2026 09:30:00 GMT\r\nContent-Length: 2\r\n\r\nok',
      ),
    );
    const { text } = await sendRaw(door.port, GET, 'ok');
    const lines = text.split('\r\n');
    expect(lines[0]).toBe('HTTP/1.1 218 Fine By Me');
    expect(lines.slice(1, 8)).toEqual([
      'sErVeR: gunicorn',
      'Set-Cookie: a=1',
      'X-Odd: z',
      'Set-Cookie: b=2',
      'Date: Mon, 05 Jan 2026 09:30:00 GMT',
      'Content-Length: 2',
      'X-Request-Id: request-1',
    ]);
    expect(text).not.toMatch(/X-Secret|legacys-own|timeout=2\r/);
  });

  test('the request line and the query go on byte for byte, with the host as it came and the identity behind', async () => {
    const { legacy, door } = await open((socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'));
    await sendRaw(
      door.port,
      'GET /x?b=2&a=%20&a=%2f HTTP/1.1\r\nHost: y\r\nX-Mixed-Case: v\r\n\r\n',
      '\r\n\r\n',
    );
    expect(legacy.requests[0]?.split('\r\n')[0]).toBe('GET /x?b=2&a=%20&a=%2f HTTP/1.1');
    expect(legacy.requests[0]?.toLowerCase()).toContain('host: acme.localhost:8080\r\n');
    expect(legacy.requests[0]).toContain('X-Mixed-Case: v\r\n');
    expect(legacy.requests[0]).toContain('X-Tenant-Id: acme\r\n');
  });

  test('answers without a body stay without one: HEAD, 204 and 304', async () => {
    const answers = [
      'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n',
      'HTTP/1.1 204 No Content\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n',
    ];
    const { door } = await open((socket, _head, count) => socket.write(answers[count - 1] ?? ''));
    const head = await sendRaw(door.port, 'HEAD /x HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n');
    const none = await sendRaw(door.port, 'GET /x HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n');
    const same = await sendRaw(door.port, 'GET /x HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n');
    expect(head.text).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: 7\r\n[\s\S]*\r\n\r\n$/);
    expect(none.text).toMatch(/^HTTP\/1.1 204 [\s\S]*\r\n\r\n$/);
    expect(same.text).toMatch(/^HTTP\/1.1 304 [\s\S]*ETag: "1"[\s\S]*\r\n\r\n$/);
  });

  test('events of a stream arrive one by one, before the stream ends', async () => {
    const { legacy, door } = await open((socket) =>
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n',
      ),
    );
    const first = await sendRaw(door.port, GET, 'data: 1\n');
    expect(first.isClosed).toBe(false);
    expect(legacy.requests).toHaveLength(1);
  });

  test('a head whose body is late does not wait for it', async () => {
    const { door } = await open((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'));
    const { text } = await sendRaw(door.port, GET, '\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1.1 200 OK/);
  });

  test('cookies are told before the client sees them', async () => {
    const cookies: string[] = [];
    const { door } = await open(
      (socket) => socket.write('HTTP/1.1 204 No Content\r\nSet-Cookie: sessionid=""; Max-Age=0\r\n\r\n'),
      { cookies },
    );
    await sendRaw(door.port, GET, '\r\n\r\n');
    expect(cookies).toEqual(['sessionid=""; Max-Age=0']);
  });
});

describe('what the client sends arrives', () => {
  test('an upload of 8 MB without a length arrives whole and unchanged', async () => {
    const body = randomBytes(8 * 1024 * 1024);
    const legacy = createServer((req, res) => {
      const hash = createHash('sha256');
      req
        .on('data', (chunk) => hash.update(chunk))
        .on('end', () => res.end(`${req.headers['transfer-encoding']} ${hash.digest('hex')}`));
    });
    const port = await freePort();
    await new Promise<void>((resolve) => legacy.listen(port, '127.0.0.1', resolve));
    const door = await openDoor(`http://127.0.0.1:${port}`);
    closers.push(async () => legacy.close(), door.close);
    const text = await new Promise<string>((resolve, reject) => {
      const req = request({ port: door.port, method: 'POST', path: '/up' }, async (res) => {
        let all = '';
        for await (const chunk of res) all += chunk;
        resolve(all);
      });
      req.on('error', reject);
      req.write(body.subarray(0, 100));
      req.end(body.subarray(100));
    });
    expect(text).toBe(`chunked ${createHash('sha256').update(body).digest('hex')}`);
  });

  test('an early refusal of an upload is passed on, and the connection is closed', async () => {
    const { door } = await open((socket) =>
      socket.end('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig'),
    );
    const { text, isClosed } = await sendRaw(
      door.port,
      'POST /up HTTP/1.1\r\nHost: y\r\nContent-Length: 1000000\r\n\r\nabc',
    );
    expect(text).toMatch(/^HTTP\/1.1 413 /);
    expect(text).toMatch(/big$/);
    expect(isClosed).toBe(true);
  });
});

describe('an upload and its connection', () => {
  const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

  test('goes by another one where the first ends before a byte of it has left', async () => {
    const { legacy, door } = await open((socket) => socket.write(OK));
    await sendRaw(door.port, GET, 'ok');
    const client = connect(door.port, '127.0.0.1', () =>
      client.write('POST /up HTTP/1.1\r\nHost: y\r\nConnection: close\r\nContent-Length: 2\r\n\r\n'),
    );
    let text = '';
    client.on('data', (chunk) => {
      text += chunk;
    });
    await untilMs(50);
    for (const socket of legacy.sockets) socket.destroy();
    await untilMs(50);
    client.write('ab');
    await new Promise((resolve) => client.once('close', resolve));
    expect(text).toMatch(/^HTTP\/1.1 200 [\s\S]*ok$/);
    expect(legacy.requests.filter((head) => head.startsWith('POST'))).toHaveLength(1);
  });

  test('waits at the pace of a legacy that reads slowly, and that is legacy’s lateness', async () => {
    const { door } = await open((socket) => void socket.pause(), { timeoutMs: 300 });
    const head = `POST /up HTTP/1.1\r\nHost: y\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`;
    const client = connect(door.port, '127.0.0.1', () => client.write(head));
    client.on('error', () => undefined);
    client.once('connect', () => client.write(Buffer.alloc(64 * 1024 * 1024)));
    client.resume();
    expect(await door.next()).toMatchObject({ kind: 'failed', failure: { code: 'legacy_too_slow' } });
    client.destroy();
  });

  test.each(['a length', 'chunks'])(
    'many at once with %s, to a legacy that reads slowly, arrive unchanged',
    async (framing) => {
      const legacy = createServer(async (req, res) => {
        const hash = createHash('sha256');
        for await (const chunk of req) {
          hash.update(chunk);
          if (Math.random() < 0.05) await untilMs(5);
        }
        res.end(hash.digest('hex'));
      });
      const port = await freePort();
      await new Promise<void>((resolve) => legacy.listen(port, '127.0.0.1', resolve));
      const door = await openDoor(`http://127.0.0.1:${port}`);
      closers.push(async () => legacy.close(), door.close);
      const upload = (body: Buffer) =>
        new Promise<string>((resolve, reject) => {
          const headers = framing === 'chunks' ? {} : { 'content-length': body.length };
          const req = request({ port: door.port, method: 'POST', path: '/up', headers }, async (res) => {
            let all = '';
            for await (const chunk of res) all += chunk;
            resolve(all);
          });
          req.on('error', reject);
          req.write(body.subarray(0, 70_000));
          req.end(body.subarray(70_000));
        });
      const bodies = Array.from({ length: 6 }, () => randomBytes(3_000_000));
      const sums = bodies.map((body) => createHash('sha256').update(body).digest('hex'));
      expect(await Promise.all(bodies.map(upload))).toEqual(sums);
    },
  );

  test('of no bytes at all in chunks arrives as that', async () => {
    const { legacy, door } = await open((socket) => socket.write(OK));
    await sendRaw(
      door.port,
      'POST /up HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'ok',
    );
    expect(legacy.requests[0]).toMatch(/\r\ntransfer-encoding: chunked\r\n\r\n$/);
  });

  test('is cut where it grows too large, and legacy never sees it end', async () => {
    const heard: string[] = [];
    const { legacy, door } = await open(
      (socket, head) => void socket.on('data', (chunk) => heard.push(head, chunk.toString('latin1'))),
      { maxBodyBytes: 10 },
    );
    const { text } = await sendRaw(
      door.port,
      'POST /up HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n',
      'body_too_large',
    );
    expect(text).toMatch(/^HTTP\/1.1 413 /);
    expect(heard.join('')).not.toContain('0\r\n\r\n');
    await untilMs(50);
    expect(legacy.sockets.size).toBe(0);
  });
});

describe('when legacy has a bad day', () => {
  test('nobody listens: unreachable, and a retry is safe even for a write', async () => {
    const door = await openDoor(`http://127.0.0.1:${await freePort()}`);
    closers.push(door.close);
    await sendRaw(door.port, 'POST /x HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\n\r\nab', '\r\n\r\n');
    expect(await door.next()).toMatchObject({
      kind: 'failed',
      failure: { code: 'legacy_unreachable', retrySafe: true, status: 503 },
    });
  });

  test('no answer within the deadline: too slow, and the question is taken back', async () => {
    const { legacy, door } = await open(() => undefined, { timeoutMs: 150 });
    const asking = sendRaw(door.port, GET, 'legacy_too_slow');
    const asked = await waitForQuestion(legacy);
    const { text } = await asking;
    expect(text).toMatch(/^HTTP\/1.1 504 /);
    expect(await door.next()).toMatchObject({ kind: 'failed', failure: { code: 'legacy_too_slow' } });
    await untilClosed(asked);
  });

  test('a slow reader of a big answer is no silence of legacy: the answer arrives whole', async () => {
    const size = 6 * 1024 * 1024;
    const { door } = await open(
      (socket) =>
        void socket.write(
          Buffer.concat([
            Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`),
            Buffer.alloc(size, 'x'),
          ]),
        ),
      { timeoutMs: 300 },
    );
    let received = 0;
    const slow = connect(door.port, '127.0.0.1', () =>
      slow.write('GET /x HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n'),
    );
    // Long enough without a byte for the deadline of 300 ms to pass.
    slow.once('data', () => {
      slow.pause();
      setTimeout(() => slow.resume(), 900);
    });
    slow.on('data', (chunk) => {
      received += chunk.length;
    });
    await new Promise((resolve) => slow.once('close', resolve));
    expect(received).toBeGreaterThan(size);
    expect(await door.next()).toEqual({ kind: 'answered', status: 200 });
  });

  test('a gateway that was held up itself reads what has come before it calls legacy silent', async () => {
    const { door } = await open(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na');
        // Nothing of this process runs meanwhile, and the deadline passes; behind an immediate a loop looks at its timers first.
        const holdUp = () => {
          socket.write('b');
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
        };
        setTimeout(() => setImmediate(holdUp), 100);
      },
      { timeoutMs: 300 },
    );
    expect((await sendRaw(door.port, GET, 'ab')).text).toMatch(/ab$/);
    expect(await door.next()).toEqual({ kind: 'answered', status: 200 });
  });

  test('an upload that stalls is the fault of its sender, not of legacy', async () => {
    const { door } = await open(() => undefined, { timeoutMs: 150 });
    const { text } = await sendRaw(
      door.port,
      'POST /up HTTP/1.1\r\nHost: y\r\nContent-Length: 10\r\n\r\nabc',
      'too_slow',
    );
    expect(text).toMatch(/^HTTP\/1.1 408 [\s\S]*request_too_slow/);
  });

  test.each([
    ['the body breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['a chunked body breaks off', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ])('%s: the client sees a broken message, never a clean end', async (_what, bytes) => {
    const { door } = await open(
      (socket) => void socket.write(bytes, () => setTimeout(() => socket.destroy(), 20)),
    );
    const { text, isClosed } = await sendRaw(door.port, GET);
    expect(isClosed).toBe(true);
    expect(text).not.toContain('\r\n0\r\n\r\n');
    expect(await door.next()).toMatchObject({ kind: 'cut', failure: { code: 'legacy_broken_answer' } });
  });

  test('what comes right behind the head is no HTTP: nothing of it has left, and it is 502', async () => {
    const { door } = await open((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
    );
    const { text } = await sendRaw(door.port, GET, 'legacy_broken_answer');
    expect(text).toMatch(/^HTTP\/1.1 502 /);
    expect(await door.next()).toMatchObject({ kind: 'failed', failure: { code: 'legacy_broken_answer' } });
  });

  test('a head that drips for ever is no progress', async () => {
    const { door } = await open(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const drip = setInterval(() => socket.write('X-A: b\r\nX-'), 50);
        socket.once('close', () => clearInterval(drip));
      },
      { timeoutMs: 300 },
    );
    const { text } = await sendRaw(door.port, GET, '\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1.1 50[24] /);
  });

  test.each([
    ['garbage', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['status 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'],
    [
      'a 101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    ],
  ])('%s: 502', async (_what, bytes) => {
    const { door } = await open((socket) => socket.end(bytes));
    const { text } = await sendRaw(door.port, GET, 'legacy_broken_answer');
    expect(text).toMatch(/^HTTP\/1.1 502 /);
  });

  test.each([
    ['Cyrillic', Buffer.from('HTTP/1.1 404 Не найдено\r\nContent-Length: 2\r\n\r\nno')],
    ['Latin-1', Buffer.from('HTTP/1.1 404 F\u00fcr niemand\r\nContent-Length: 2\r\n\r\nno', 'latin1')],
  ])('a reason phrase in %s is replaced by the usual one, and the answer arrives', async (_what, bytes) => {
    const { door } = await open((socket) => void socket.write(bytes));
    const { text } = await sendRaw(door.port, GET, 'no');
    expect(text).toMatch(/^HTTP\/1.1 404 /);
    expect(text).toMatch(/no$/);
  });

  test('what was given up while it waited for a connection never reaches legacy', async () => {
    // The only connection is busy for 900 ms with an answer that makes progress.
    const { legacy, door } = await open(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n');
        let sent = 0;
        const drip = setInterval(() => {
          socket.write('x');
          sent += 1;
          if (sent === 9) clearInterval(drip);
        }, 100);
      },
      { timeoutMs: 300, connections: 1 },
    );
    const first = sendRaw(door.port, GET, 'xxxxxxxxx');
    await waitForQuestion(legacy);
    const write = await sendRaw(
      door.port,
      'POST /x HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\n\r\nab',
      'too_slow',
    );
    expect(write.text).toMatch(/^HTTP\/1.1 504 /);
    expect((await first).text).toMatch(/xxxxxxxxx$/);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(legacy.requests.filter((head) => head.startsWith('POST'))).toEqual([]);
  });

  test('a read lost on a connection that legacy was closing is asked once more; a write never', async () => {
    const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const { legacy, door } = await open((socket, head, count) =>
      count === 1 || (count === 3 && head.startsWith('GET')) ? socket.write(ok) : socket.destroy(),
    );
    await sendRaw(door.port, GET, 'ok');
    const read = await sendRaw(door.port, GET, 'ok');
    expect(read.text).toMatch(/^HTTP\/1.1 200 /);
    expect(legacy.requests).toHaveLength(3);
    const write = await sendRaw(
      door.port,
      'POST /x HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\n\r\nab',
      'legacy_broken_answer',
    );
    expect(write.text).toMatch(/^HTTP\/1.1 502 /);
    expect(legacy.requests).toHaveLength(4);
  });

  test('where nobody may try again, a read lost on such a connection is lost', async () => {
    let asked = 0;
    const mayRetry = () => {
      asked += 1;
      return false;
    };
    const { legacy, door } = await open(
      (socket, _head, count) =>
        count === 1 ? socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') : socket.destroy(),
      { mayRetry },
    );
    await sendRaw(door.port, GET, 'ok');
    expect((await sendRaw(door.port, GET, 'legacy_broken_answer')).text).toMatch(/^HTTP\/1.1 502 /);
    expect([legacy.requests.length, asked]).toEqual([2, 1]);
  });

  test('where it cannot be told whether somebody may, whoever asked is told of the error', async () => {
    const told: unknown[] = [];
    const mayRetry = () => {
      throw new Error('a bug');
    };
    const { door } = await open(
      (socket, _head, count) =>
        count === 1 ? socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') : socket.destroy(),
      { mayRetry, thrown: (error) => void told.push(String(error)) },
    );
    await sendRaw(door.port, GET, 'ok');
    await sendRaw(door.port, GET, '500');
    expect(told).toEqual(['Error: a bug']);
  });

  test('a client that goes away takes its question back from legacy', async () => {
    const { legacy, door } = await open(() => undefined);
    const client = connect(door.port, '127.0.0.1', () => client.write(GET));
    const asked = await waitForQuestion(legacy);
    client.destroy();
    expect(await door.next()).toEqual({ kind: 'abandoned' });
    await untilClosed(asked);
  });
});

describe('WebSocket', () => {
  test('a tunnel carries messages both ways and closes with its code', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    server.on('connection', (socket, req) => {
      socket.on('message', (message) => socket.send(`${req.headers['x-tenant-id']} heard ${message}`));
      socket.on('close', () => undefined);
    });
    const door = await openDoor(`http://127.0.0.1:${port}`);
    closers.push(async () => server.close(), door.close);
    const client = new WebSocket(`ws://127.0.0.1:${door.port}/ws/chat/1/`);
    const upgraded = new Promise<string | undefined>((resolve) =>
      client.once('upgrade', (res) => resolve(res.headers['x-request-id'] as string)),
    );
    await new Promise((resolve) => client.once('open', resolve));
    client.send('hello');
    const message = await new Promise((resolve) => client.once('message', (data) => resolve(String(data))));
    client.close(4001, 'bye');
    expect(message).toBe('acme heard hello');
    expect(await upgraded).toBe('request-1');
    expect(await door.next()).toEqual({ kind: 'answered', status: 101 });
  });

  test('legacy unreachable: the upgrade is refused in our own words', async () => {
    const door = await openDoor(`http://127.0.0.1:${await freePort()}`);
    closers.push(door.close);
    const { text } = await sendRaw(
      door.port,
      'GET /ws HTTP/1.1\r\nHost: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1.1 503 /);
    expect(await door.next()).toMatchObject({ kind: 'failed', failure: { code: 'legacy_unreachable' } });
  });
});

const untilMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The connection on which legacy was asked. */
async function waitForQuestion(legacy: RawServer): Promise<Socket> {
  while (legacy.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  return [...legacy.sockets][0] as Socket;
}

async function untilClosed(socket: Socket): Promise<void> {
  const beganMs = performance.now();
  while (!socket.destroyed && performance.now() - beganMs < 1_000)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(socket.destroyed).toBe(true);
}
