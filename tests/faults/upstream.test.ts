// Rows 61 to 66 and 72: legacy cannot be reached, does not answer, breaks off, or is asked by somebody who leaves.
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTagKeysText } from '../../src/admit/index.ts';
import { type House, openHouse } from '../../src/main.ts';
import type { Asked } from '../fidelity/monolith.ts';
import { ask, askOnce, openClient, openStand, type Stand, untilMs } from '../fidelity/stand.ts';
import { freePort } from '../support/free-port.ts';
import { ADMIN_TOKEN, loadSettings } from '../support/house.ts';

const TIMEOUT_MS = 400;
let stand: Stand;
beforeAll(async () => {
  stand = await openStand({ timeoutMs: TIMEOUT_MS });
});
afterAll(() => stand.close());

/** Another gateway on the same store, before another monolith. */
async function openBeside(legacyUrl: string, env: Record<string, string> = {}) {
  const [port, adminPort] = [await freePort(), await freePort()];
  const house: House = await openHouse({
    settings: loadSettings({
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      BANYAN_CONFIG: stand.house.tableFile,
      SHED_LAG_MS: '60000',
      ...env,
    }),
    databaseUrl: stand.house.storeUrl.app,
    legacyUrl,
    adminToken: ADMIN_TOKEN,
    tagKeys: createTagKeysText(),
    demoKeys: 'accepted',
    sink: { write: () => undefined, dropped: () => 0 },
  });
  return { port, close: () => house.close('test') };
}

/** The problem+json of an answer, and its head. */
function readProblem(text: string) {
  const [head = '', body = '{}'] = text.split('\r\n\r\n');
  return { head, problem: JSON.parse(body) as Record<string, unknown> };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

describe('legacy cannot be reached', () => {
  const garbler = createServer((socket) =>
    socket.on('error', () => undefined).once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  );
  afterAll(() => void garbler.close());

  test.each([
    ['row-061-refused: nobody listens', async () => `http://127.0.0.1:${await freePort()}`],
    ['row-061-dns: nobody knows its name', async () => 'http://legacy.invalid'],
    ['row-061-tls: it speaks no TLS', async () => `https://127.0.0.1:${await listen(garbler)}`],
  ])(
    '%s: 503 at once, a retry is safe even for a write, and nothing is told of where legacy is',
    async (_title, url) => {
      const legacyUrl = await url();
      const beside = await openBeside(legacyUrl);
      const beganMs = performance.now();
      const write = await askOnce(beside.port, 'POST /x', 'Content-Length: 0');
      const tookMs = performance.now() - beganMs;
      const { head, problem } = readProblem(write);
      await beside.close();
      expect(head).toMatch(/^HTTP\/1.1 503 /);
      expect(head).toMatch(/\r\nRetry-After: \d+\r\n/);
      expect(head).toContain('application/problem+json');
      expect(problem).toMatchObject({ code: 'legacy_unreachable', blame: 'legacy', retry_safe: true });
      expect(write).not.toMatch(/127\.0\.0\.1|legacy\.invalid|ECONN|ENOTFOUND|SSL|node:/);
      // A name is looked up by others, which may take a while.
      expect(tookMs).toBeLessThan(legacyUrl.includes('invalid') ? 4_000 : 500);
    },
  );

  test('row-061-websocket: an upgrade is refused in the same words', async () => {
    const beside = await openBeside(`http://127.0.0.1:${await freePort()}`);
    const client = openClient(beside.port, upgrade('/ws'));
    await client.ended;
    await beside.close();
    expect(readProblem(client.text()).problem).toMatchObject({ code: 'legacy_unreachable', status: 503 });
  });

  test('row-061-breaker: the breaker counts it, and then legacy is left alone', async () => {
    const beside = await openBeside(`http://127.0.0.1:${await freePort()}`);
    const codes: unknown[] = [];
    for (let i = 0; i < 25; i += 1)
      codes.push(readProblem(await askOnce(beside.port, 'GET /x')).problem.code);
    await beside.close();
    expect(codes[0]).toBe('legacy_unreachable');
    expect(codes.at(-1)).toBe('legacy_unavailable');
  });
});

/** Times it up to three times, and takes the shortest: what is judged is the gateway, not how busy the machine is. */
async function timeShortest(enoughMs: number, time: (attempt: number) => Promise<number>): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let attempt = 1; attempt <= 3 && shortest >= enoughMs; attempt += 1)
    shortest = Math.min(shortest, await time(attempt));
  return shortest;
}

test('row-062-silence: no answer is 504 within the deadline and 200 ms, and the question is taken back', async () => {
  stand.monolith.on('/silent', () => undefined);
  let text = '';
  const tookMs = await timeShortest(TIMEOUT_MS + 200, async (attempt) => {
    const client = openClient(stand.port, ask('GET /silent', 'Connection: close'));
    const asked = await stand.monolith.heard('/silent', attempt);
    await client.ended;
    await asked.closed;
    text = client.text();
    return performance.now() - asked.askedMs;
  });
  expect(readProblem(text)).toMatchObject({
    head: expect.stringMatching(/^HTTP\/1.1 504 /),
    problem: { code: 'legacy_too_slow', retry_safe: true },
  });
  expect(tookMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 50);
  expect(tookMs).toBeLessThan(TIMEOUT_MS + 200);
});

test('row-062-silence-after-a-write: nobody is told that repeating it is safe', async () => {
  stand.monolith.on('/silent-write', () => undefined);
  const text = await askOnce(stand.port, 'POST /silent-write', 'Content-Length: 0');
  expect(readProblem(text).problem).toMatchObject({ code: 'legacy_too_slow', retry_safe: false });
});

/** Was this the first request on its connection? */
const isOnFresh = (asked: Asked) =>
  stand.monolith.asked.find(({ socket }) => socket === asked.socket) === asked;

/**
 * Asks on a connection that has carried an answer before, while another such one is idle. Several times if need be: the gateway's own look
 * at legacy's health may take it first. Answers what the client saw, and what legacy was asked.
 */
async function askOnUsed(
  path: string,
  answer: (asked: Asked, number: number) => unknown,
  run: (path: string) => Promise<string>,
): Promise<Readonly<{ text: string; asked: readonly Asked[] }>> {
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const each = `${path}-${attempt}`;
    const list = () => stand.monolith.asked.filter(({ target }) => target === each);
    stand.monolith.on(each, (asked) => answer(asked, list().length));
    await Promise.all([askOnce(stand.port, 'GET /warm'), askOnce(stand.port, 'GET /warm')]);
    await untilMs(10);
    const text = await run(each);
    const [first] = list();
    if (first !== undefined && !isOnFresh(first)) return { text, asked: list() };
  }
  throw new Error('no connection was used twice');
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
/** Legacy's ways to end a connection on which it was just asked. */
const ENDS: [string, (asked: Asked) => void][] = [
  ['fin', ({ socket }) => void socket.destroy()],
  ['reset', ({ socket }) => void socket.resetAndDestroy()],
];

describe.each(ENDS)('legacy closes before any byte (%s)', (way, end) => {
  test(`row-063-fresh-connection-${way}: 502, and legacy is not asked again`, async () => {
    const path = `/closes-fresh-${way}`;
    stand.monolith.on(path, end);
    // Longer than an idle connection is kept.
    await untilMs(1_700);
    const text = await askOnce(stand.port, `GET ${path}`);
    expect(readProblem(text)).toMatchObject({
      head: expect.stringMatching(/^HTTP\/1.1 502 /),
      problem: { code: 'legacy_broken_answer', retry_safe: true },
    });
    expect(isOnFresh(await stand.monolith.heard(path))).toBe(true);
    expect(count(path)).toBe(1);
  });

  test.each(['GET', 'HEAD', 'OPTIONS'])(
    `row-063-reused-connection-${way}: %s is asked once more, on a fresh one`,
    async (method) => {
      const { text, asked } = await askOnUsed(
        `/closes-reused-${way}-${method}`,
        (each, number) => (number === 1 ? end(each) : each.socket.write(OK)),
        (path) => askOnce(stand.port, `${method} ${path}`),
      );
      expect(text).toMatch(/^HTTP\/1.1 200 /);
      expect(asked.map(isOnFresh)).toEqual([false, true]);
    },
  );

  test(`row-063-others-idle-${way}: a fresh one, though an idle one that was used would be at hand`, async () => {
    const held = `/held-${way}`;
    const { text, asked } = await askOnUsed(
      `/closes-beside-${way}`,
      async (each, number) => {
        if (number === 2) return void each.socket.write(OK);
        // What keeps the first connection busy ends, and then this one.
        for (const { socket, target } of stand.monolith.asked)
          if (target === held && !socket.destroyed) socket.write(OK);
        await untilMs(30);
        end(each);
      },
      async (path) => {
        stand.monolith.on(held, () => undefined);
        const client = openClient(stand.port, ask(`GET ${held}`));
        await untilMs(20);
        const answer = await askOnce(stand.port, `GET ${path}`);
        client.socket.destroy();
        return answer;
      },
    );
    expect(text).toMatch(/^HTTP\/1.1 200 /);
    expect(asked.map(isOnFresh)).toEqual([false, true]);
  });

  test(`row-063-twice-${way}: it is not asked a third time`, async () => {
    const { text, asked } = await askOnUsed(`/closes-twice-${way}`, end, (path) =>
      askOnce(stand.port, `GET ${path}`),
    );
    expect(text).toMatch(/^HTTP\/1.1 502 /);
    expect(asked).toHaveLength(2);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    `row-064-write-${way}: exactly one %s reaches legacy, also on a reused connection`,
    async (method) => {
      const { text, asked } = await askOnUsed(`/write-${way}-${method}`, end, (path) =>
        askOnce(stand.port, `${method} ${path}`, 'Content-Length: 0'),
      );
      expect(readProblem(text)).toMatchObject({
        head: expect.stringMatching(/^HTTP\/1.1 502 /),
        problem: { code: 'legacy_broken_answer', retry_safe: false },
      });
      expect(asked).toHaveLength(1);
    },
  );
});

test('row-063-half-a-head: an answer that has begun is never asked for again', async () => {
  const { text, asked } = await askOnUsed(
    '/half-a-head',
    ({ socket }) => socket.write('HTTP/1.1 2', () => socket.destroy()),
    (path) => askOnce(stand.port, `GET ${path}`),
  );
  expect(text).toMatch(/^HTTP\/1.1 502 /);
  expect(asked).toHaveLength(1);
});

test('row-063-with-a-body: a GET that carries a body is not asked again', async () => {
  const { text, asked } = await askOnUsed(
    '/get-with-body',
    ({ socket }) => socket.destroy(),
    async (path) => {
      const client = openClient(
        stand.port,
        `${ask(`GET ${path}`, 'Connection: close', 'Content-Length: 2')}ab`,
      );
      await client.ended;
      return client.text();
    },
  );
  expect(text).toMatch(/^HTTP\/1.1 502 /);
  expect(asked).toHaveLength(1);
});

const count = (path: string) => stand.monolith.asked.filter(({ target }) => target === path).length;

describe('an answer breaks off', () => {
  const HALVES: [string, string][] = [
    ['length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
    ['chunked-in-a-chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf'],
  ];
  const CUTS = HALVES.flatMap(([name, bytes]) => ENDS.map(([way, end]) => [name, way, bytes, end] as const));

  test.each([...CUTS, ['close', 'reset', 'HTTP/1.1 200 OK\r\n\r\nhalf', ENDS[1]?.[1] as never] as const])(
    'row-065-half-%s-%s: the client sees half an answer and no end, and nothing is added',
    async (name, way, bytes, end) => {
      const path = `/half-${name}-${way}`;
      stand.monolith.on(path, (asked) => void asked.socket.write(bytes, () => setTimeout(end, 30, asked)));
      const client = openClient(stand.port, ask(`GET ${path}`));
      await client.ended;
      const [, body] = client.text().split('\r\n\r\n');
      expect(client.text()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
      expect(['half', '4\r\nhalf\r\n']).toContain(body);
      expect(client.text()).not.toContain('problem');
      expect(count(path)).toBe(1);
    },
  );

  test('row-065-http-1.0: to a client for whom the end of the connection ends the answer, it is a reset', async () => {
    stand.monolith.on('/half-old', (asked) =>
      asked.socket.write(HALVES[1]?.[1] ?? '', () => setTimeout(() => asked.socket.destroy(), 30)),
    );
    const client = openClient(stand.port, 'GET /half-old HTTP/1.0\r\nHost: a.example\r\n\r\n');
    expect(await client.ended).toBe('reset');
  });

  test('row-066-stall: a body that stops coming is cut after the deadline, and so is legacy', async () => {
    stand.monolith.on('/stalls', ({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
    );
    const tookMs = await timeShortest(TIMEOUT_MS + 200, async (attempt) => {
      const client = openClient(stand.port, ask('GET /stalls'));
      const asked = await stand.monolith.heard('/stalls', attempt);
      await client.ended;
      await asked.closed;
      expect(client.text()).toMatch(/\r\n\r\nhalf$/);
      return performance.now() - asked.askedMs;
    });
    expect(tookMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 50);
    expect(tookMs).toBeLessThan(TIMEOUT_MS + 200);
  });
});

const upgrade = (path: string) =>
  ask(
    `GET ${path}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
  );

describe('the client goes away', () => {
  const LEAVES: [string, (client: ReturnType<typeof openClient>) => void][] = [
    ['fin', ({ socket }) => void socket.end()],
    ['reset', ({ socket }) => void socket.resetAndDestroy()],
  ];
  const STREAM = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n';

  const TOLD_MS = 100;
  const SWITCH =
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n';
  type Part = readonly [name: string, question: (path: string) => string, answer: string, seen: string];
  const PARTS: Part[] = [
    ['request', (path) => ask(`GET ${path}`), '', ''],
    ['stream', (path) => ask(`GET ${path}`), STREAM, 'data: 1'],
    ['upload', (path) => `${ask(`POST ${path}`, 'Content-Length: 100000')}half`, '', ''],
    [
      'upload-in-chunks',
      (path) => `${ask(`POST ${path}`, 'Transfer-Encoding: chunked')}4\r\nhalf\r\n`,
      '',
      '',
    ],
    ['upgrade', upgrade, '', ''],
    ['tunnel', upgrade, SWITCH, '\r\n\r\n'],
  ];
  const cases = LEAVES.flatMap(([way, leave]) => PARTS.map((part) => [part[0], way, part, leave] as const));

  test.each(cases)(
    'row-072-left-%s-%s: legacy knows within 100 ms, and half an upload never looks whole',
    async (name, way, part, leave) => {
      const [, question, answer, seen] = part;
      const path = `/left-${name}-${way}`;
      stand.monolith.on(path, ({ socket }) => answer !== '' && socket.write(answer));
      const tookMs = await timeShortest(TOLD_MS, async (attempt) => {
        const client = openClient(stand.port, question(path));
        const asked = await stand.monolith.heard(path, attempt);
        await client.until(seen);
        const leftMs = performance.now();
        leave(client);
        await asked.closed;
        expect(asked.isWhole()).toBe(!name.startsWith('upload'));
        return (asked.closedMs ?? Number.POSITIVE_INFINITY) - leftMs;
      });
      expect(tookMs).toBeLessThan(TOLD_MS);
    },
  );

  test.each(LEAVES)(
    'row-072-waiting-%s: a pipelined request whose turn has not come is never asked at all',
    async (way, leave) => {
      stand.monolith.on(`/first-${way}`, () => undefined);
      const client = openClient(stand.port, ask(`GET /first-${way}`) + ask(`GET /second-${way}`));
      const asked = await stand.monolith.heard(`/first-${way}`);
      leave(client);
      await asked.closed;
      await untilMs(50);
      expect(count(`/second-${way}`)).toBe(0);
    },
  );

  test('row-072-tunnel-zombie: a legacy that goes on talking to a client that was reset loses its connection', async () => {
    stand.monolith.on('/zombie', ({ socket }) => socket.write(SWITCH));
    const client = openClient(stand.port, upgrade('/zombie'));
    await client.until('\r\n\r\n');
    const { socket } = await stand.monolith.heard('/zombie');
    client.socket.resetAndDestroy();
    await untilMs(50);
    const talk = setInterval(() => socket.write(Buffer.alloc(64 * 1024)), 5);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(talk);
  });
});
