// Row 59: a tenant that floods and a feature that hangs take nobody else's places, and every place is given back.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import WebSocket from 'ws';
import { type Answer, type Monolith, openMonolith } from '../fidelity/monolith.ts';
import { ask, type Client, openClient, untilMs } from '../fidelity/stand.ts';
import { query, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';

const OF_TENANT = 8;
const STREAMS = 3;
const OF_REPORTS = 12;
const TIMEOUT_MS = 400;

let monolith: Monolith;
let house: TestHouse;
let port: number;
beforeAll(async () => {
  monolith = await openMonolith();
  house = await startHouse({
    tenants: 4,
    legacyUrl: monolith.url,
    // acme is with the new side.
    table: addRoutes(tableAt('canary', ['acme'])),
    env: { TENANT_MAX_IN_FLIGHT: String(OF_TENANT), TENANT_MAX_STREAMS: String(STREAMS) },
  });
  port = house.gatewayPort;
});
afterAll(async () => {
  await monolith.close();
  await house.close();
});

function addRoutes(table: string): string {
  const route = (id: string, path: string, more = '') =>
    `  - { id: ${id}, match: { method: [GET, POST], path: ${path} }, timeout_ms: 20000${more} }\n`;
  return [
    table
      .replace('\nfeatures:\n', `\nfeatures:\n  reports: { max_in_flight: ${OF_REPORTS} }\n`)
      .replace('tables: [ai_job] }', 'tables: [ai_job], max_in_flight: 4 }')
      .replace(
        'handle: ai/jobs\n',
        `handle: ai/jobs\n    timeout_ms: ${TIMEOUT_MS}\n    if_new_fails: refuse\n`,
      ),
    route('reports', '/t/reports/', ', feature: reports'),
    route('hanging', '/t/hanging/'),
    `  - { id: soon, match: { method: [GET, POST], path: /t/soon/ }, timeout_ms: ${TIMEOUT_MS} }\n`,
  ].join('');
}

const hang: Answer = () => undefined;
const say =
  (answer: string): Answer =>
  ({ socket }) =>
    socket.write(answer);
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const keyOf = (tenant: string) => `X-API-Key: byn_demo_${tenant}`;
const send = (tenant: string, path: string) => openClient(port, ask(`GET ${path}`, keyOf(tenant)));
const countAsked = (path: string) => monolith.asked.filter(({ target }) => target === path).length;
const isAnswered = (client: Client) => client.text().includes('\r\n\r\n');
const leave = (clients: readonly Client[]) => {
  for (const { socket } of clients) socket.destroy();
};

/** How many places a tenant can still have at once, by requests that hang until all are counted. */
async function countFree(tenant: string, path = '/t/hanging/'): Promise<number> {
  monolith.on(path, hang);
  const before = countAsked(path);
  const clients = Array.from({ length: OF_TENANT + 4 }, () => send(tenant, path));
  await until(
    () => countAsked(path) - before + clients.filter(isAnswered).length === clients.length,
    'every request to be asked or refused',
  );
  const free = countAsked(path) - before;
  leave(clients);
  await untilMs(30);
  return free;
}

describe('a tenant that floods', () => {
  test('row-059-flood: gets 429 with Retry-After beyond its places, while others are answered as ever', async () => {
    monolith.on('/t/hanging/', hang);
    const before = countAsked('/t/hanging/');
    const flood = Array.from({ length: 60 }, () => send('globex', '/t/hanging/'));
    await until(() => flood.filter(isAnswered).length === 60 - OF_TENANT, 'the others to be refused');
    expect(countAsked('/t/hanging/') - before).toBe(OF_TENANT);
    const refused = flood.find(isAnswered)?.text() ?? '';
    expect(refused).toMatch(/^HTTP\/1.1 429 Too Many Requests\r\n[\s\S]*Retry-After: 1\r\n/);
    expect(refused).toMatch(/"code":"tenant_busy","blame":"caller","request_id":"[^"]+","retry_safe":true/);
    // Whoever is told to come back may do so on the same connection.
    expect(refused).not.toMatch(/connection: close/i);
    const tookMs: number[] = [];
    for (let count = 0; count < 20; count += 1) {
      const beganMs = performance.now();
      expect((await house.call('initech', 'GET', '/any/page/')).status).toBe(200);
      tookMs.push(performance.now() - beganMs);
    }
    expect(tookMs.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
    leave(flood);
    expect(await countFree('globex')).toBe(OF_TENANT);
  });

  test('row-059-pipelined: is one also when it sends everything on one connection', async () => {
    monolith.on('/t/hanging/', hang);
    const before = countAsked('/t/hanging/');
    const client = openClient(port, ask('GET /t/hanging/', keyOf('globex')).repeat(50));
    await untilMs(200);
    expect(countAsked('/t/hanging/') - before).toBeLessThanOrEqual(OF_TENANT);
    client.socket.destroy();
    await untilMs(30);
    expect(await countFree('globex')).toBe(OF_TENANT);
  });

  test('row-059-strangers: whoever only names a tenant by its host takes none of its places', async () => {
    monolith.on('/any/page/', hang);
    const strangers = Array.from({ length: OF_TENANT + 4 }, () =>
      openClient(port, `GET /any/page/ HTTP/1.1\r\nHost: initech.localhost:${port}\r\n\r\n`),
    );
    await until(() => strangers.filter(isAnswered).length === 4, 'strangers to be refused');
    expect(await countFree('initech')).toBe(OF_TENANT);
    leave(strangers);
    monolith.on('/any/page/', say(OK));
  });

  test('row-059-cookies: made-up cookies do not flood legacy with questions whose they are', async () => {
    const QUESTION = '/.banyan/session/';
    monolith.on(QUESTION, hang);
    const visit = (host: string, cookie: string) =>
      openClient(
        port,
        `GET /any/page/ HTTP/1.1\r\nHost: ${host}.localhost:${port}\r\nCookie: sessionid=${cookie}\r\n\r\n`,
      );
    const strangers = Array.from({ length: OF_TENANT + 6 }, (_, at) =>
      visit('initech', `${at}`.padStart(32, 'x')),
    );
    await until(() => strangers.filter(isAnswered).length === 6, 'six to be refused');
    expect(strangers.find(isAnswered)?.text()).toMatch(/^HTTP\/1.1 429 [\s\S]*"code":"tenant_busy"/);
    await monolith.heard(QUESTION, OF_TENANT);
    await untilMs(50);
    const asked = monolith.asked.filter(({ target }) => target === QUESTION);
    expect(asked).toHaveLength(OF_TENANT);
    monolith.on(QUESTION, say('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
    const other = visit('umbrella', 'y'.repeat(32));
    await other.until('200 OK');
    for (const { socket } of asked) socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    await until(() => strangers.every(isAnswered), 'the others to be answered');
    leave([...strangers, other]);
  });

  test('row-059-streams: its event streams and sockets are counted apart, and have an end too', async () => {
    monolith.on('/t/stream/', say('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n'));
    const open = async () => {
      const stream = send('umbrella', '/t/stream/');
      await stream.until('\r\n\r\n');
      return stream;
    };
    const streams: Client[] = [];
    for (let count = 0; count < STREAMS; count += 1) streams.push(await open());
    expect(await countFree('umbrella')).toBe(OF_TENANT);
    // Beyond them a stream keeps the place that it has.
    streams.push(await open(), await open());
    expect(await countFree('umbrella')).toBe(OF_TENANT - 2);
    const socket = openClient(port, upgrade('umbrella', '/t/socket/'));
    await socket.until('tenant_busy');
    expect(socket.text()).toMatch(/^HTTP\/1.1 429 /);
    leave(streams);
    await until(async () => (await countFree('umbrella')) === OF_TENANT, 'all places to be free');
  });
});

const upgrade = (tenant: string, path: string) =>
  ask(
    `GET ${path}`,
    keyOf(tenant),
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );

describe('a feature that hangs', () => {
  test('row-059-feature: takes as many places as the table says, is refused helpfully beyond them, and no other feature notices', async () => {
    monolith.on('/t/reports/', hang);
    const before = countAsked('/t/reports/');
    const ask = (tenant: string, count: number) =>
      Array.from({ length: count }, () => send(tenant, '/t/reports/'));
    const first = ask('globex', OF_TENANT);
    // A single tenant takes half of them at most, and is told so.
    await until(
      () => first.filter(isAnswered).length === OF_TENANT - OF_REPORTS / 2,
      'the tenant to be refused',
    );
    expect(first.find(isAnswered)?.text()).toMatch(/^HTTP\/1.1 429 [\s\S]*"code":"tenant_busy"/);
    const others = [...ask('initech', 4), ...ask('umbrella', 4)];
    await until(() => others.filter(isAnswered).length === 8 - OF_REPORTS / 2, 'the others to be refused');
    expect(countAsked('/t/reports/') - before).toBe(OF_REPORTS);
    const refused = others.find(isAnswered)?.text() ?? '';
    expect(refused).toMatch(/^HTTP\/1.1 503 [\s\S]*Retry-After: 1\r\n[\s\S]*"code":"legacy_busy"/);
    const all = [...first, ...others];
    for (const tenant of ['globex', 'initech', 'umbrella'])
      expect((await house.call(tenant, 'GET', '/any/page/')).status).toBe(200);
    leave(all);
    monolith.on('/t/reports/', say(OK));
    await until(async () => (await house.call('globex', 'GET', '/t/reports/')).status === 200, 'room');
  });

  test('row-059-page: a browser gets the same as a page that says so', async () => {
    monolith.on('/t/reports/', hang);
    const all = ['globex', 'initech'].flatMap((tenant) =>
      Array.from({ length: OF_REPORTS / 2 }, () => send(tenant, '/t/reports/')),
    );
    await untilMs(100);
    const page = await house.call('umbrella', 'GET', '/t/reports/', {
      headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
    });
    expect([page.status, page.headers.get('content-type')]).toEqual([503, 'text/html; charset=utf-8']);
    expect(await page.text()).toMatch(/other parts work as usual\. Nothing was changed\.[\s\S]*legacy_busy/);
    leave(all);
  });

  test('row-059-going-on: work of the new side that goes on after its deadline keeps its place until it has ended', async () => {
    const codes = async (count: number) => {
      const answers = await Promise.all(
        Array.from({ length: count }, () => house.call('acme', 'GET', '/api/ai/jobs/')),
      );
      const problems = await Promise.all(
        answers.map((answer) => answer.json() as Promise<{ code?: string }>),
      );
      return problems.map(({ code }) => code ?? 'answered').sort();
    };
    const lock = query(
      house.storeUrl.superuser,
      'BEGIN; LOCK TABLE ai_job IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2.5); COMMIT',
    );
    await untilMs(200);
    // Of four places no tenant has more than two.
    expect(await codes(3)).toEqual(['new_too_slow', 'new_too_slow', 'tenant_busy']);
    expect(await codes(1)).toEqual(['tenant_busy']);
    await lock;
    await until(async () => (await codes(1))[0] === 'answered', 'the statements to end');
    expect(await codes(2)).toEqual(['answered', 'answered']);
  });
});

describe('a place is given back', () => {
  const SSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n';
  /** Every way for a request to end, many times over; answers when it has ended. */
  const WAYS: readonly (readonly [string, (tenant: string) => Promise<unknown>])[] = [
    ['an answer', (tenant) => answered(tenant, '/t/end/', say(OK))],
    ['an error of legacy', (tenant) => answered(tenant, '/t/end/', say(OK.replace('200 OK', '500 Oh')))],
    [
      'a connection that legacy drops',
      (tenant) => answered(tenant, '/t/end/', ({ socket }) => socket.destroy()),
    ],
    ['an answer that breaks off', (tenant) => answered(tenant, '/t/end/', breakOff)],
    ['a deadline', (tenant) => answered(tenant, '/t/soon/', hang)],
    ['a client that leaves before the answer', (tenant) => left(tenant, '/t/end/', hang, '')],
    ['a client that leaves in the middle of it', (tenant) => left(tenant, '/t/end/', halfAnswer, 'half')],
    ['a client that leaves an event stream', (tenant) => left(tenant, '/t/end/', say(SSE), 'data: 1')],
    ['a body that is too long for the new side', (tenant) => posted(tenant, 'x'.repeat(1_100_000))],
    [
      'a socket that legacy refuses',
      (tenant) => answeredUpgrade(tenant, say(OK.replace('200 OK', '403 No'))),
    ],
    ['a socket that legacy lets hang', (tenant) => answeredUpgrade(tenant, ({ socket }) => socket.destroy())],
  ];

  const ended = (client: Client) => Promise.race([client.ended, untilMs(2_000)]);
  const breakOff: Answer = ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () => socket.destroy());
  };
  const halfAnswer = say('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
  async function answered(tenant: string, path: string, answer: Answer): Promise<void> {
    monolith.on(path, answer);
    const client = openClient(port, ask(`GET ${path}`, keyOf(tenant), 'Connection: close'));
    await ended(client);
    client.socket.destroy();
  }
  async function left(tenant: string, path: string, answer: Answer, seen: string): Promise<void> {
    monolith.on(path, answer);
    const before = countAsked(path);
    const client = send(tenant, path);
    await until(() => countAsked(path) > before && client.text().includes(seen), 'legacy to be asked');
    client.socket.destroy();
  }
  async function posted(tenant: string, body: string): Promise<void> {
    const answer = await house
      .call(tenant, 'POST', '/api/chat/channels/1/messages/', {
        headers: { 'content-type': 'application/json' },
        body,
      })
      .catch(() => undefined);
    await answer?.text();
  }
  async function answeredUpgrade(tenant: string, answer: Answer): Promise<void> {
    monolith.on('/t/upgrade/', answer);
    const client = openClient(port, upgrade(tenant, '/t/upgrade/'));
    await ended(client);
    client.socket.destroy();
  }

  test.each(WAYS)('row-059-ends: after %s', async (_way, end) => {
    // More often than there are places.
    for (let round = 0; round < 3; round += 1)
      await Promise.all(Array.from({ length: OF_TENANT / 2 }, () => end('initech')));
    await until(async () => (await countFree('initech')) === OF_TENANT, 'every place to be free', 3_000);
  });

  test('row-059-ends-new: after answers, refusals, aborts and sockets of the new side', async () => {
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(
        ['/api/chat/channels/', '/api/files/', '/api/files/999999/content/', '/api/dashboard/summary/'].map(
          async (path) => (await house.call('acme', 'GET', path)).text(),
        ),
      );
      const leaving = Array.from({ length: 4 }, () => send('acme', '/api/dashboard/summary/'));
      await untilMs(3);
      leave(leaving);
      await Promise.all(Array.from({ length: STREAMS }, () => openSocket('acme')));
    }
    await until(async () => (await countFree('acme')) === OF_TENANT, 'every place to be free');
  });

  test('row-059-sockets-new: sockets of the new side have places for as long as they live', async () => {
    const sockets = await Promise.all(Array.from({ length: STREAMS }, () => connectSocket('acme')));
    const refused = openClient(port, upgrade('acme', '/ws/chat/1/'));
    await refused.until('tenant_busy');
    for (const socket of sockets) socket.close();
    await until(async () => {
      const next = await connectSocket('acme').catch(() => undefined);
      next?.close();
      return next !== undefined;
    }, 'a place for one more');
  });

  function connectSocket(tenant: string): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat/1/`, {
      headers: { 'x-api-key': `byn_demo_${tenant}` },
    });
    return new Promise((resolve, reject) => {
      socket.once('message', () => resolve(socket));
      socket.once('error', reject);
    });
  }
  async function openSocket(tenant: string): Promise<void> {
    const socket = await connectSocket(tenant).catch(() => undefined);
    const closed = new Promise((resolve) => socket?.once('close', resolve) ?? resolve(undefined));
    socket?.close();
    await closed;
  }
});
