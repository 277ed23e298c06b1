// Rows 74 to 77: a side that keeps failing rests; one request tries it; the other side steps in only where nothing can have happened.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Answer, type Monolith, openMonolith } from '../fidelity/monolith.ts';
import { ask, type Client, openClient } from '../fidelity/stand.ts';
import { query, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';

const REST_MS = 1_000;
const JSON_TYPE = { 'content-type': 'application/json' };
let monolith: Monolith;
let house: TestHouse;
beforeAll(async () => {
  monolith = await openMonolith();
  house = await startHouse({
    tenants: 3,
    legacyUrl: monolith.url,
    // acme and initech are with the new side, globex with legacy.
    table: addFeatures(tableAt('canary', ['acme', 'initech'])),
    env: {
      BREAKER_FAILED_PERCENT: '50',
      LEGACY_REST_MS: String(REST_MS),
      NEW_REST_MS: String(REST_MS),
      FALLBACK_MAX_IN_FLIGHT: '5',
    },
  });
});
afterAll(async () => {
  await monolith.close();
  await house.close();
});

/** Features of the tests' own: each has its breakers, so no test is in another's way. */
function addFeatures(table: string): string {
  const names = ['left', 'probe', 'deserted', 'stale'];
  const routes = names.map(
    (name) => `  - { id: ${name}, match: { method: GET, path: /t/${name}/ }, feature: ${name} }\n`,
  );
  const features = names.map((name) => `  ${name}: {}\n`);
  const crowded = table.replace(
    'tables: [chat_channel, chat_message] }',
    'tables: [chat_channel, chat_message], max_in_flight: 8 }',
  );
  return `${crowded.replace('\nfeatures:\n', `\nfeatures:\n${features.join('')}`)}${routes.join('')}`;
}

const drop: Answer = ({ socket }) => socket.destroy();
const hang: Answer = () => undefined;
const say =
  (status: string): Answer =>
  ({ socket }) =>
    socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\n{}`);

const countAsked = (path: string) => monolith.asked.filter(({ target }) => target === path).length;
const get = (path: string, tenant = 'globex') => house.call(tenant, 'GET', path);

type Code = Readonly<{ status: number; code: string | undefined; retryAfter: string | null }>;
async function readCode(answer: Response): Promise<Code> {
  const text = await answer.text();
  const isProblem = answer.headers.get('content-type') === 'application/problem+json';
  return {
    status: answer.status,
    code: isProblem ? JSON.parse(text).code : undefined,
    retryAfter: answer.headers.get('retry-after'),
  };
}

async function stateOf(feature: string, side: 'legacy' | 'new'): Promise<string | undefined> {
  const { breakers } = (await (await house.admin('GET', '/api/breakers')).json()) as {
    breakers: { feature: string; side: string; state: string }[];
  };
  return breakers.find((each) => each.feature === feature && each.side === side)?.state;
}

const untilState = (feature: string, side: 'legacy' | 'new', state: string) =>
  until(async () => (await stateOf(feature, side)) === state, `${side} of ${feature} to be ${state}`);

/** Has legacy's breaker of a feature open by requests that are dropped. */
async function openBreaker(feature: string, path: string): Promise<void> {
  monolith.on(path, drop);
  for (let count = 0; count < 5; count += 1) await (await get(path)).text();
  await untilState(feature, 'legacy', 'open');
}

const rest = () => new Promise((resolve) => setTimeout(resolve, REST_MS + 20));

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${house.adminUrl}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** What the log says of the requests for this route, in order. */
const logged = (route: string) =>
  house.log
    .filter((line) => line.includes('"event":"request_finished"') && line.includes(`"routeId":"${route}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown> & { durationMs: number });

describe('legacy keeps failing', () => {
  const path = '/api/dashboard/summary/';

  test('row-074-open: after five failures it is left alone, and whoever needs it is told at once when to come again', async () => {
    await openBreaker('dashboard', path);
    const before = countAsked(path);
    const codes: Code[] = [];
    for (let count = 0; count < 20; count += 1) codes.push(await readCode(await get(path)));
    expect(new Set(codes.map((code) => JSON.stringify(code)))).toEqual(
      new Set([JSON.stringify({ status: 503, code: 'legacy_unavailable', retryAfter: '1' })]),
    );
    expect(countAsked(path)).toBe(before);
    const refused = logged('dashboard.summary')
      .filter(({ failure }) => failure === 'legacy_unavailable')
      .map(({ durationMs }) => durationMs)
      .toSorted((a, b) => a - b);
    expect(refused).toHaveLength(20);
    // Of twenty on a busy machine, the middle one.
    expect(refused[10]).toBeLessThan(5);
  });

  test('row-074-neighbours: its other features, and the other side of this one, go on', async () => {
    await openBreaker('dashboard', path);
    expect((await get('/api/files/')).status).toBe(200);
    expect((await get('/nobody/lists/this')).status).toBe(200);
    const own = await get(path, 'acme');
    expect([own.status, own.headers.get('x-served-by')]).toEqual([200, 'new']);
    expect(await stateOf('dashboard', 'new')).toBe('closed');
  });

  test('row-074-innocent: clients that leave and answers that legacy gives do not count, not even its 500s', async () => {
    monolith.on('/t/left/', hang);
    for (let count = 0; count < 10; count += 1) {
      const client = openClient(house.gatewayPort, ask('GET /t/left/', 'X-API-Key: byn_demo_globex'));
      await monolith.heard('/t/left/', count + 1);
      client.socket.destroy();
    }
    for (const status of ['404 Not Found', '500 Internal Server Error', '503 Service Unavailable']) {
      monolith.on('/t/left/', say(status));
      for (let count = 0; count < 10; count += 1)
        expect((await get('/t/left/')).status).toBe(Number(status.slice(0, 3)));
    }
    expect(await stateOf('left', 'legacy')).toBe('closed');
  });

  test('row-074-forced: a tester who forces legacy reaches it, and moves nothing', async () => {
    await openBreaker('dashboard', path);
    monolith.on(path, say('200 OK'));
    const { key } = (await (
      await house.admin('POST', '/api/keys', { tenant: 'globex', user: 1, scopes: ['qa'] })
    ).json()) as { key: string };
    const headers = { 'x-banyan-side': 'legacy' };
    expect((await house.call('globex', 'GET', path, { key, headers })).status).toBe(200);
    expect(await stateOf('dashboard', 'legacy')).not.toBe('closed');
  });
});

describe('after its rest', () => {
  test('row-075-hanging: one request tries legacy; while that one hangs another may after a further rest, and its answer closes the breaker', async () => {
    await openBreaker('probe', '/t/probe/');
    monolith.on('/t/probe/', hang);
    await rest();
    const before = countAsked('/t/probe/');
    const hanging = openClient(house.gatewayPort, ask('GET /t/probe/', 'X-API-Key: byn_demo_globex'));
    await monolith.heard('/t/probe/', before + 1);
    expect(await stateOf('probe', 'legacy')).toBe('half_open');
    expect(await readCode(await get('/t/probe/'))).toMatchObject({ code: 'legacy_unavailable' });
    monolith.on('/t/probe/', say('200 OK'));
    await rest();
    expect((await get('/t/probe/')).status).toBe(200);
    await untilState('probe', 'legacy', 'closed');
    hanging.socket.destroy();
  });

  test('row-075-deserted: where the client of that one leaves, the next may try at once', async () => {
    await openBreaker('deserted', '/t/deserted/');
    monolith.on('/t/deserted/', hang);
    await rest();
    const before = countAsked('/t/deserted/');
    const client = openClient(house.gatewayPort, ask('GET /t/deserted/', 'X-API-Key: byn_demo_globex'));
    await monolith.heard('/t/deserted/', before + 1);
    client.socket.destroy();
    monolith.on('/t/deserted/', say('200 OK'));
    await until(async () => (await get('/t/deserted/')).status === 200, 'the next try', REST_MS / 2);
    await untilState('deserted', 'legacy', 'closed');
  });
});

const breakTable = (name: string) =>
  query(house.storeUrl.superuser, `ALTER TABLE ${name} RENAME TO ${name}_away`);
const mendTable = (name: string) =>
  query(house.storeUrl.superuser, `ALTER TABLE ${name}_away RENAME TO ${name}`);

describe('the new side fails', () => {
  test('row-076-read: legacy answers a read in its place, with a marker, a log line and a metric', async () => {
    const before = await metric('banyan_fallbacks_total{route="ai.jobs"}');
    await breakTable('ai_job');
    const answer = await get('/api/ai/jobs/', 'acme');
    await mendTable('ai_job');
    expect([answer.status, answer.headers.get('x-served-by')]).toEqual([200, 'legacy']);
    expect(logged('ai.jobs').at(-1)).toMatchObject({ fellBack: true, side: 'legacy', status: 200 });
    expect(await metric('banyan_fallbacks_total{route="ai.jobs"}')).toBe(before + 1);
  });

  test('row-076-write: a write never changes sides, and is told whether it may be repeated', async () => {
    const before = countAsked('/api/ai/completions/');
    await breakTable('ai_job');
    const answer = await house.call('acme', 'POST', '/api/ai/completions/', {
      headers: JSON_TYPE,
      body: '{"prompt":"x"}',
    });
    await mendTable('ai_job');
    expect([answer.status, await answer.json()]).toEqual([
      500,
      expect.objectContaining({ code: 'new_failed', blame: 'new', retry_safe: true }),
    ]);
    expect(countAsked('/api/ai/completions/')).toBe(before);
  });

  test('row-076-begun: an answer that has begun is cut, and legacy does not go on with it', async () => {
    const [file] = (await (await get('/api/files/', 'acme')).json()) as { id: number }[];
    const path = `/api/files/${file?.id}/content/`;
    await query(house.storeUrl.superuser, 'DELETE FROM files_chunk WHERE file_id = $1', [file?.id]);
    const client = openClient(house.gatewayPort, ask(`GET ${path}`, 'X-API-Key: byn_demo_acme'));
    await client.ended;
    expect(client.text()).not.toMatch(/X-Served-By: legacy|problem\+json/);
    expect(countAsked(path)).toBe(0);
    expect(logged('files.content').at(-1)).toMatchObject({ outcome: 'cut', fellBack: false });
  });
});

describe('both sides have a bad day', () => {
  const path = '/api/chat/channels/';

  test('row-077-bulkhead: what legacy answers in the place of the new side has places of its own, and takes none of legacy’s own callers', async () => {
    monolith.on(path, hang);
    await breakTable('chat_channel');
    const send = (tenant: string, count: number) =>
      Array.from({ length: count }, () =>
        openClient(house.gatewayPort, ask(`GET ${path}`, `X-API-Key: byn_demo_${tenant}`)),
      );
    const has = (word: string) => (client: Client) => client.text().includes(word);
    // Five places, of which no tenant has more than three.
    const clients = send('acme', 3);
    await monolith.heard(path, 3);
    clients.push(...send('initech', 4));
    await until(() => clients.filter(has('legacy_busy')).length === 2, 'two to be refused');
    expect(clients.find(has('legacy_busy'))?.text()).toMatch(
      /^HTTP\/1.1 503 [\s\S]*Retry-After: 1\r\n[\s\S]*"retry_safe":true/,
    );
    expect(countAsked(path)).toBe(5);
    clients.push(...send('globex', 4));
    await until(() => countAsked(path) === 9, 'all of legacy’s own callers');
    for (const { socket } of clients) socket.destroy();
    monolith.on(path, say('200 OK'));
    await mendTable('chat_channel');
    await until(async () => (await get(path, 'acme')).status === 200, 'places to be free again');
  });

  test('row-077-both-down: both sides are left alone after a few failures, and everybody is told at once', async () => {
    await rest();
    await until(async () => (await get(path, 'acme')).headers.get('x-served-by') === 'new', 'the new side');
    monolith.on(path, drop);
    await breakTable('chat_channel');
    const before = countAsked(path);
    const beganMs = performance.now();
    const codes: Code[] = [];
    for (let round = 0; round < 33; round += 1)
      codes.push(
        ...(await Promise.all(Array.from({ length: 3 }, async () => readCode(await get(path, 'acme'))))),
      );
    const more: Code[] = [];
    for (let count = 0; count < 50; count += 1) more.push(await readCode(await get(path, 'acme')));
    const rests = (performance.now() - beganMs) / REST_MS;
    await mendTable('chat_channel');
    for (const { status } of codes) expect([502, 503]).toContain(status);
    expect(more.filter(({ code }) => code === 'legacy_unavailable').length).toBeGreaterThan(40);
    // Those for which legacy had a place before its breaker opened, and one try after each rest: no request is asked twice.
    expect(countAsked(path) - before).toBeLessThanOrEqual(100 + rests + 1);
    const failed = codes.filter(({ code }) => code === 'legacy_broken_answer').length;
    expect(countAsked(path) - before).toBeLessThanOrEqual(failed + rests + 1);
  });

  test('row-077-retries: reads that stale connections have lost are tried again, within a tenth of what legacy is asked', async () => {
    const seen = new WeakSet<object>();
    monolith.on('/t/stale/', (asked) => {
      if (seen.has(asked.socket)) asked.socket.destroy();
      else say('200 OK')(asked);
      seen.add(asked.socket);
    });
    // Whatever the tests before have spent is earned again.
    for (let count = 0; count < 110; count += 1) await (await get('/any/page/')).text();
    const [triesBefore, before] = [await metric('banyan_retries_total'), countAsked('/t/stale/')];
    const statuses: number[] = [];
    for (let count = 0; count < 100; count += 1) statuses.push((await get('/t/stale/')).status);
    const tries = (await metric('banyan_retries_total')) - triesBefore;
    expect(tries).toBeGreaterThanOrEqual(5);
    expect(tries).toBeLessThanOrEqual(10 + 100 / 10);
    expect(countAsked('/t/stale/') - before).toBeLessThanOrEqual(100 + tries);
    expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    // And then it is told.
    expect(statuses).toContain(502);
  });
});
