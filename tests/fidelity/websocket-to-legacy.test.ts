import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { startHouse, type TestHouse } from '../support/house.ts';
import { askOnce, openClient, openStand, type Stand, untilMs, writeTable } from './stand.ts';

const LARGE = randomBytes(16 * 1024 * 1024);
const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Both ends of one WebSocket through the gateway. */
type Ends = Readonly<{ client: WebSocket; legacy: WebSocket; handshake: IncomingMessage }>;

let server: WebSocketServer;
let house: TestHouse;
beforeAll(async () => {
  server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    maxPayload: 64 * 1024 * 1024,
    perMessageDeflate: true,
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  house = await startHouse({ tenants: 1, legacyUrl: `http://127.0.0.1:${port}`, table: writeTable(5_000) });
});
afterAll(async () => {
  for (const socket of server.clients) socket.terminate();
  server.close();
  await house.close();
});

async function join(
  options: Readonly<{ protocols?: string[]; perMessageDeflate?: boolean }> = {},
): Promise<Ends> {
  const arrived = new Promise<[WebSocket, IncomingMessage]>((resolve) =>
    server.once('connection', (socket, req) => resolve([socket, req])),
  );
  const { protocols = [], ...rest } = options;
  const client = new WebSocket(`ws://127.0.0.1:${house.gatewayPort}/ws`, protocols, {
    maxPayload: 64 * 1024 * 1024,
    perMessageDeflate: false,
    ...rest,
  });
  const [legacy, handshake] = await arrived;
  await new Promise((resolve, reject) => client.once('open', resolve).once('error', reject));
  return { client, legacy, handshake };
}

/** From → to, in both directions. */
const DIRECTIONS = [
  ['from the client to legacy', ({ client, legacy }: Ends) => [client, legacy] as const],
  ['from legacy to the client', ({ client, legacy }: Ends) => [legacy, client] as const],
] as const;

const nextMessage = (socket: WebSocket) =>
  new Promise<[Buffer, boolean]>((resolve) =>
    socket.once('message', (data, isBinary) => resolve([data as Buffer, isBinary])),
  );
const nextClose = (socket: WebSocket) =>
  new Promise<[number, string]>((resolve) =>
    socket.once('close', (code, reason) => resolve([code, reason.toString()])),
  );

describe.each(DIRECTIONS)('%s', (_name, choose) => {
  test.each([
    [1000, ''],
    [1000, 'done'],
    [1001, 'going away'],
    [1003, 'not this kind'],
    [1007, ''],
    [1008, 'policy'],
    [1009, 'too big'],
    [1011, 'bug'],
    [1012, 'restart'],
    [1013, 'later'],
    [3000, 'registered'],
    [4001, 'a reason of 123 bytes '.repeat(6).slice(0, 123)],
    [4999, 'gründlich'],
  ])('close code %i with reason %j', async (code, reason) => {
    const [from, to] = choose(await join());
    const [seen, echoed] = [nextClose(to), nextClose(from)];
    from.close(code, reason);
    expect(await seen).toEqual([code, reason]);
    expect(await echoed).toEqual([code, reason]);
  });

  test('a close without a code', async () => {
    const [from, to] = choose(await join());
    const seen = nextClose(to);
    from.close();
    expect(await seen).toEqual([1005, '']);
  });

  test('an end without a goodbye (1006)', async () => {
    const [from, to] = choose(await join());
    const seen = nextClose(to);
    from.terminate();
    expect(await seen).toEqual([1006, '']);
  });

  test('pings and pongs with what they carry, and pongs that nobody asked for', async () => {
    const [from, to] = choose(await join());
    const ping = new Promise<Buffer>((resolve) => to.once('ping', resolve));
    const pong = new Promise<Buffer>((resolve) => from.once('pong', resolve));
    from.ping('a\0b'.repeat(40));
    expect(String(await ping)).toBe('a\0b'.repeat(40));
    expect(String(await pong)).toBe('a\0b'.repeat(40));
    const unasked = new Promise<Buffer>((resolve) => to.once('pong', resolve));
    from.pong('alive');
    expect(String(await unasked)).toBe('alive');
    from.terminate();
  });

  test('fragments with a ping between them', async () => {
    const [from, to] = choose(await join());
    const seen: string[] = [];
    to.on('ping', (data) => seen.push(`ping ${data}`));
    const whole = nextMessage(to);
    from.send('one ', { fin: false });
    from.send('two ', { fin: false });
    await untilMs(20);
    from.ping('between');
    await untilMs(20);
    from.send('three', { fin: true });
    const [message, isBinary] = await whole;
    expect([message.toString(), isBinary, seen]).toEqual(['one two three', false, ['ping between']]);
    from.terminate();
  });

  test('a text, an empty one, and bytes', async () => {
    const [from, to] = choose(await join());
    for (const [data, binary] of [
      ['grüß dich ✓', false],
      ['', false],
      [Buffer.from([0, 255, 10, 13]), true],
    ] as const) {
      const seen = nextMessage(to);
      from.send(data, { binary });
      expect(await seen).toEqual([Buffer.from(data as string), binary]);
    }
    from.terminate();
  });

  test('a message of 16 MB, whole and in sixteen pieces', async () => {
    const [from, to] = choose(await join());
    const whole = nextMessage(to);
    from.send(LARGE);
    expect(hash((await whole)[0])).toBe(hash(LARGE));
    const pieces = nextMessage(to);
    for (let i = 0; i < 16; i += 1)
      from.send(LARGE.subarray(i * 1_048_576, (i + 1) * 1_048_576), { fin: i === 15 });
    expect(hash((await pieces)[0])).toBe(hash(LARGE));
    from.terminate();
  });

  test('ten thousand small messages in order', async () => {
    const [from, to] = choose(await join());
    const seen: number[] = [];
    const all = new Promise<void>((resolve) =>
      to.on('message', (data) => {
        seen.push(Number(String(data)));
        if (seen.length === 10_000) resolve();
      }),
    );
    for (let i = 0; i < 10_000; i += 1) from.send(String(i));
    await all;
    expect(seen).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
    from.terminate();
  });

  test('compressed messages, as the two ends have agreed', async () => {
    const ends = await join({ perMessageDeflate: true });
    const [from, to] = choose(ends);
    expect([ends.client.extensions, ends.legacy.extensions]).toEqual([
      'permessage-deflate',
      'permessage-deflate',
    ]);
    const seen = nextMessage(to);
    from.send('again and again '.repeat(10_000));
    expect((await seen)[0].toString()).toBe('again and again '.repeat(10_000));
    from.terminate();
  });

  test('a reader that stops holds back the sender, and gets everything when it goes on', async () => {
    const ends = await join();
    const [from, to] = choose(ends);
    const piece = LARGE.subarray(0, 1_048_576);
    to.pause();
    let received = 0;
    to.on('message', () => {
      received += 1;
    });
    for (let i = 0; i < 32; i += 1) from.send(piece);
    await untilMs(500);
    // What the kernels and the gateway hold is little; the rest waits at the sender.
    expect(from.bufferedAmount).toBeGreaterThan(20 * 1_048_576);
    to.resume();
    while (received < 32) await untilMs(10);
    expect(from.bufferedAmount).toBe(0);
    from.terminate();
  });
});

describe('the handshake', () => {
  test('a subprotocol is agreed on by the two ends', async () => {
    const { client, handshake } = await join({ protocols: ['v2.chat', 'v1.chat'] });
    expect(client.protocol).toBe('v2.chat');
    expect(handshake.headers['sec-websocket-protocol']).toBe('v2.chat,v1.chat');
    client.terminate();
  });
});

describe('bytes of the tunnel', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await openStand({ timeoutMs: 400 });
  });
  afterAll(() => stand.close());

  const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
  const upgrade = (path: string, ...lines: string[]) =>
    [
      `GET ${path} HTTP/1.1`,
      'Host: Acme.Example:80',
      'Connection: keep-alive, Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Key: ${KEY}`,
      'Sec-WebSocket-Version: 13',
      ...lines,
      '',
      '',
    ].join('\r\n');
  const SWITCH =
    'HTTP/1.1 101 Web Socket\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n';

  test('names keep their case and repeats in both heads; the tag goes there and never comes back', async () => {
    stand.monolith.on('/lines', ({ socket }) =>
      socket.write(
        Buffer.from(
          `${SWITCH}X-Mixed: f\u00fcr\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Identity-Tag: secret\r\n\r\n`,
          'latin1',
        ),
      ),
    );
    const client = openClient(
      stand.port,
      upgrade('/lines?a=1', 'X-MIXED: 1', 'X-Twice: a', 'X-Twice: b', 'constructor: x'),
    );
    const text = await client.until('\r\n\r\n');
    client.socket.destroy();
    const asked = await stand.monolith.heard('/lines');
    expect(asked.target).toBe('/lines?a=1');
    expect(asked.lines).toEqual(
      expect.arrayContaining(['X-MIXED: 1', 'X-Twice: a', 'X-Twice: b', 'constructor: x']),
    );
    expect(asked.values('host')).toEqual(['Acme.Example:80']);
    expect(asked.values('sec-websocket-key')).toEqual([KEY]);
    expect(asked.values('x-identity-tag')).toHaveLength(1);
    expect(text).toMatch(
      /^HTTP\/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/,
    );
    expect(text).toContain('X-Mixed: f\u00fcr\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n');
    expect(text).toMatch(/\r\nX-Request-Id: /);
    expect(text).not.toContain('secret');
  });

  test('every byte passes as it is, both ways, also what comes with the heads', async () => {
    const [up, down] = [randomBytes(200_000), randomBytes(200_000)];
    const arrived: Buffer[] = [];
    stand.monolith.on('/bytes', ({ socket }) => {
      socket.removeAllListeners('data');
      socket.on('data', (chunk) => arrived.push(chunk));
      socket.write(Buffer.concat([Buffer.from(`${SWITCH}\r\n`), down.subarray(0, 1_000)]));
      socket.write(down.subarray(1_000));
    });
    const client = openClient(
      stand.port,
      Buffer.concat([Buffer.from(upgrade('/bytes')), up.subarray(0, 1_000)]),
    );
    await client.until('\r\n\r\n');
    client.send(up.subarray(1_000));
    while (Buffer.concat(arrived).length < up.length) await untilMs(5);
    await client.until(down.subarray(-20).toString('latin1'));
    const text = client.text();
    client.socket.destroy();
    expect(Buffer.concat(arrived).equals(up)).toBe(true);
    expect(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1').equals(down)).toBe(true);
  });

  test('a tunnel on which nobody speaks outlives the deadline of answers', async () => {
    stand.monolith.on('/idle', ({ socket }) => socket.write(`${SWITCH}\r\n`));
    const client = openClient(stand.port, upgrade('/idle'));
    await client.until('\r\n\r\n');
    await untilMs(800);
    (await stand.monolith.heard('/idle')).socket.write('still there');
    await client.until('still there');
    client.socket.destroy();
  });

  test.each([
    ['with-a-length', 'Content-Length: 9\r\n\r\n<h1>no</h'],
    ['in-chunks', 'Transfer-Encoding: chunked\r\n\r\n9\r\n<h1>no</h\r\n0\r\n\r\n'],
    ['to-the-end', '\r\n<h1>no</h'],
  ])(
    'a refusal of legacy’s own arrives %s with its head and body, and ends the connection',
    async (name, rest) => {
      stand.monolith.on(`/no-${name}`, ({ socket }) =>
        socket.end(
          `HTTP/1.1 403 Not You\r\nX-Frame-Options: DENY\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n${rest}`,
        ),
      );
      const client = openClient(stand.port, upgrade(`/no-${name}`));
      await client.ended;
      expect(client.text()).toMatch(
        /^HTTP\/1.1 403 Not You\r\nX-Frame-Options: DENY\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/,
      );
      expect(client.text()).toContain('<h1>no</h');
      expect(client.text()).toMatch(/\r\nX-Request-Id: /);
    },
  );

  test('legacy that does not answer the handshake is given up after the deadline, in the gateway’s own words', async () => {
    stand.monolith.on('/silent', () => undefined);
    const client = openClient(stand.port, upgrade('/silent'));
    await client.ended;
    expect(client.text()).toMatch(/^HTTP\/1.1 504 [\s\S]*"code":"legacy_too_slow"/);
    await (await stand.monolith.heard('/silent')).closed;
  });

  test('any other upgrade is answered as the request that it also is', async () => {
    const text = await askOnce(
      stand.port,
      'GET /h2c',
      'Upgrade: h2c',
      'Connection: Upgrade, HTTP2-Settings',
      'HTTP2-Settings: AAMAAABk',
    );
    expect(text).toMatch(/^HTTP\/1.1 200 OK/);
    expect((await stand.monolith.heard('/h2c')).head).not.toMatch(/upgrade|http2/i);
  });
});
