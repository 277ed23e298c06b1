// Rows 49 to 53 and 59: clients that are slow, many or large, against the whole stack.
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeBody } from '../../src/mirror/compare/content-coding.ts';
import { type Asked, type Monolith, openMonolith } from '../fidelity/monolith.ts';
import { ask, askOnce, openClient, untilMs } from '../fidelity/stand.ts';
import { ADMIN_TOKEN, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';

// More than what the buffers of sockets can hold.
const MAX_BODY = 16_000_000;
const MAX_CONNECTIONS = 300;
const SLOW = {
  HEADERS_TIMEOUT_MS: 2_000,
  KEEP_ALIVE_MS: 1_000,
  STALLED_MS: 1_500,
  SLOWEST_UPLOAD_BYTES_PER_S: 1_000,
} as const;
const KEY = 'X-API-Key: byn_demo_globex';
/** The paths that the table lists: one that gives up soon, and one that is patient. */
const SOON = '/t/soon/';
const PATIENT = '/t/patient/';

let monolith: Monolith;
let house: TestHouse;
let port: number;
beforeAll(async () => {
  monolith = await openMonolith();
  house = await startHouse({
    tenants: 3,
    legacyUrl: monolith.url,
    table: addRoutes(tableAt('canary', ['acme'])),
    env: {
      ...Object.fromEntries(Object.entries(SLOW).map(([name, value]) => [name, String(value)])),
      MAX_CONNECTIONS: String(MAX_CONNECTIONS),
      MAX_BODY_BYTES: String(MAX_BODY),
    },
  });
  port = house.gatewayPort;
});
afterAll(async () => {
  await monolith.close();
  await house.close();
});

function addRoutes(table: string): string {
  return `${table}
  - { id: t.soon, match: { method: [GET, POST], path: ${SOON} }, timeout_ms: 700 }
  - { id: t.patient, match: { method: [GET, POST], path: ${PATIENT} }, timeout_ms: 20000 }
`;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${house.adminUrl}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

const cut = (reason: string) => metric(`banyan_connections_cut_total{reason="${reason}"}`);
const failures = (code: string) => metric(`banyan_failures_total{code="${code}"}`);

/** A request with a body that is announced and not all sent. */
const begin = (path: string, announced: string, ...lines: string[]) =>
  ask(`POST ${path}`, KEY, announced, ...lines);
const answerWhole = async ({ whole, socket }: Asked) => {
  await whole;
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
};
const isHeard = (path: string) => monolith.asked.some(({ target }) => target === path);

describe('clients that take their time', () => {
  test('row-049-slow-head: a head that comes drop by drop is answered with 408 in time, and its connection closed', async () => {
    const beganMs = performance.now();
    const client = openClient(port, 'GET /slow-head HTTP/1.1\r\nHost: a.example\r\n');
    const drip = setInterval(() => client.send('X'), 100);
    await client.ended;
    clearInterval(drip);
    expect(client.text()).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request_too_slow"/);
    expect(performance.now() - beganMs).toBeLessThan(2 * SLOW.HEADERS_TIMEOUT_MS);
    expect(isHeard('/slow-head')).toBe(false);
  });

  test('row-049-silent: a connection that says nothing is closed, and so is one that is idle after its answer', async () => {
    const silent = openClient(port);
    const idle = openClient(port, ask('GET /idle'));
    await idle.until('\r\n\r\nok');
    const beganMs = performance.now();
    await Promise.all([silent.ended, idle.ended]);
    expect(performance.now() - beganMs).toBeLessThan(5_000);
  });

  test('row-049-slow-body: a body that stops is answered with 408, and legacy never takes the half of it for the whole', async () => {
    monolith.on(SOON, answerWhole);
    const client = openClient(port, `${begin(SOON, 'Content-Length: 100')}ten bytes.`);
    const asked = await monolith.heard(SOON);
    await client.ended;
    await asked.closed;
    expect(client.text()).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request_too_slow"/);
    expect(asked.isWhole()).toBe(false);
  });

  test('row-049-drip: a body that drips so that it is never silent is refused as well, and counted', async () => {
    const before = await cut('slow');
    monolith.on(PATIENT, answerWhole);
    const client = openClient(port, begin(PATIENT, 'Content-Length: 100000'));
    const drip = setInterval(() => client.send('x'), 50);
    const asked = await monolith.heard(PATIENT);
    await client.ended;
    clearInterval(drip);
    await asked.closed;
    expect(client.text()).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request_too_slow"/);
    expect(asked.isWhole()).toBe(false);
    expect(await cut('slow')).toBe(before + 1);
  });

  test('row-049-held-up: an upload that legacy holds up is not the client’s fault', async () => {
    const body = Buffer.alloc(MAX_BODY, 'x');
    monolith.on(PATIENT, async (asked) => {
      asked.socket.pause();
      await untilMs(2 * SLOW.STALLED_MS);
      asked.socket.resume();
      await answerWhole(asked);
    });
    const client = openClient(port, begin(PATIENT, `Content-Length: ${body.length}`, 'Connection: close'));
    client.send(body);
    await client.ended;
    expect(client.text()).toMatch(/^HTTP\/1.1 200 /);
  });

  test('row-050-slow-reader: an answer that nobody takes is held in bounded buffers, and cut after a while', async () => {
    const before = await cut('stalled');
    let taken = 0;
    let isOver = false;
    monolith.on('/endless', ({ socket }: Asked) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      const piece = Buffer.alloc(64 * 1024);
      const pour = () => {
        while (!isOver && socket.write(piece)) taken += piece.length;
      };
      socket.on('drain', pour).once('close', () => {
        isOver = true;
      });
      pour();
    });
    const socket = connect(port, '127.0.0.1', () => socket.write(ask('GET /endless', KEY)));
    socket.on('error', () => undefined).pause();
    await until(() => isOver, 'legacy to be let go', 10_000);
    socket.destroy();
    expect(taken).toBeLessThan(64 * 1024 * 1024);
    expect(await cut('stalled')).toBe(before + 1);
  });
});

describe('clients that are many', () => {
  const open = (count: number): Promise<Socket[]> =>
    Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(port, '127.0.0.1', () => resolve(socket));
            socket.on('error', () => undefined);
          }),
      ),
    );

  test('row-051-idle: two hundred idle connections slow nobody down, and one more than there is room for is closed at once', async () => {
    const before = await cut('crowded');
    const idle = await open(200);
    const beganMs = performance.now();
    expect(await askOnce(port, 'GET /x', KEY)).toMatch(/^HTTP\/1.1 200 /);
    expect(performance.now() - beganMs).toBeLessThan(1_000);
    const more = await open(MAX_CONNECTIONS - 200 + 10);
    await until(() => more.filter(({ destroyed }) => destroyed).length >= 10, 'ten to be closed', 1_500);
    expect(await cut('crowded')).toBeGreaterThanOrEqual(before + 10);
    for (const socket of [...idle, ...more]) socket.destroy();
    await until(async () => (await askOnce(port, 'GET /x', KEY).catch(() => '')).includes('200 OK'), 'room');
  });
});

describe('bodies that are too large', () => {
  test('row-052-declared: is refused with 413 before a byte of it is read, and nothing goes upstream', async () => {
    const before = await failures('body_too_large');
    const client = openClient(port, ask('POST /declared', KEY, `Content-Length: ${MAX_BODY + 1}`));
    await client.ended;
    expect(client.text()).toMatch(/^HTTP\/1.1 413 [\s\S]*"code":"body_too_large"/);
    expect(isHeard('/declared')).toBe(false);
    expect(await failures('body_too_large')).toBe(before + 1);
  });

  test('row-052-counted: without a length it is counted, and legacy never sees an end of it', async () => {
    monolith.on('/counted', () => undefined);
    const client = openClient(port, ask('POST /counted', KEY, 'Transfer-Encoding: chunked'));
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    for (let sent = 0; sent <= MAX_BODY + 65_536; sent += 65_536) client.send(piece);
    await client.until('body_too_large');
    client.socket.destroy();
    const seen = await monolith.heard('/counted');
    await seen.closed;
    expect(client.text()).toMatch(/^HTTP\/1.1 413 /);
    expect(seen.isWhole()).toBe(false);
  });

  test('row-052-new-side: the new side takes no JSON of more than a megabyte', async () => {
    const post = (body: string) =>
      house.call('acme', 'POST', '/api/chat/channels/1/messages/', {
        headers: { 'content-type': 'application/json' },
        body,
      });
    const answer = await post(`{"body":"${'x'.repeat(1024 * 1024)}"}`);
    expect([answer.status, await answer.json()]).toEqual([
      413,
      expect.objectContaining({ code: 'body_too_large' }),
    ]);
    expect((await post('{"body":"small"}')).status).toBe(201);
  });
});

describe('compressed bombs', () => {
  const plain = Buffer.alloc(50 * 1024 * 1024);
  const bomb = gzipSync(plain);

  test('row-053-forward: pass as the few bytes that they are, in both directions', async () => {
    let uploaded: Buffer = Buffer.alloc(0);
    monolith.on('/bomb', async (asked) => {
      await asked.whole;
      uploaded = asked.body;
      asked.socket.write(
        `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`,
      );
      asked.socket.write(bomb);
    });
    const client = openClient(
      port,
      begin('/bomb', `Content-Length: ${bomb.length}`, 'Content-Encoding: gzip', 'Connection: close'),
    );
    client.send(bomb);
    await client.ended;
    const answer = Buffer.from(client.text(), 'latin1');
    expect([client.text().slice(0, 12), uploaded.length]).toEqual(['HTTP/1.1 200', bomb.length]);
    expect(uploaded.equals(bomb)).toBe(true);
    expect(answer.subarray(answer.indexOf('\r\n\r\n') + 4).equals(bomb)).toBe(true);
    expect(client.text()).toContain('Content-Encoding: gzip');
  });

  test('row-053-new-side: is not unpacked by the new side, nor by the admin door', async () => {
    const send = (url: string, headers: Record<string, string>) =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip', ...headers },
        body: bomb,
      });
    const beganMs = process.cpuUsage();
    const own = await send(`${house.gatewayUrl}/api/chat/channels/1/messages/`, {
      authorization: 'Bearer byn_demo_acme',
    });
    const admin = await send(`${house.adminUrl}/api/explain`, { authorization: `Bearer ${ADMIN_TOKEN}` });
    expect([own.status, admin.status]).toEqual([400, 415]);
    expect(process.cpuUsage(beganMs).user).toBeLessThan(1_000_000);
  });

  test('row-053-mirror: is unpacked for a comparison up to a bound', () => {
    const MOST = 1024 * 1024;
    const beganMs = performance.now();
    expect(decodeBody(bomb, 'gzip', MOST)).toEqual({ kind: 'larger' });
    expect(decodeBody(gzipSync(bomb), 'gzip, gzip', MOST)).toEqual({ kind: 'larger' });
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  });
});
