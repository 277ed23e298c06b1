import { createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../src/settings.ts';
import { openRecordingUpstream, type RecordingUpstream, writeEcho } from '../fuzz/recording-upstream.ts';
import { valuesOf } from '../fuzz/strict-parser.ts';
import { DEMO_TABLE, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';
import { sendRaw } from '../support/raw-http.ts';

// The whole gateway, before a monolith that keeps every byte. Request lines are written by hand: HTTP clients repair them.

const KEY = 'Authorization: Bearer byn_demo_acme';

let house: TestHouse;
let upstream: RecordingUpstream;

beforeAll(async () => {
  upstream = await openRecordingUpstream((seen, socket) => {
    if (!seen.target.startsWith('/looping/')) return writeEcho(seen);
    // Whatever comes here goes back to the front door, as a badly set LEGACY_URL would have it.
    const lines = seen.lines.filter(([name]) => name.toLowerCase() !== 'connection');
    const head = [`GET ${seen.target} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
    void sendRaw(house.gatewayPort, `${head.join('\r\n')}\r\nConnection: close\r\n\r\n`).then(({ text }) =>
      socket.end(text, 'latin1'),
    );
    return undefined;
  });
  house = await startHouse({
    legacyUrl: upstream.url,
    env: { SHED_LAG_MS: '60000', BREAKER_FAILED_PERCENT: '100' },
  });
});
afterAll(async () => {
  await house?.close();
  await upstream?.close();
});

/** The answer to one request line, with a connection of its own; and what went upstream meanwhile. */
async function ask(requestLine: string, lines: readonly string[] = [KEY]) {
  const before = upstream.seen.length;
  const text = [requestLine, 'Host: acme.localhost', 'Connection: close', ...lines, '', ''].join('\r\n');
  const answer = await sendRaw(house.gatewayPort, Buffer.from(text, 'latin1'));
  return { ...answer, status: Number(answer.text.split(' ')[1] ?? 0), seen: upstream.seen.slice(before) };
}

const ENDED = '"event":"request_finished"';
const lastEnd = () => JSON.parse(house.log.findLast((line) => line.includes(ENDED)) ?? '{}');

/** `code`: what is no target at all, Node's parser refuses already. */
async function expectRefusal(target: string, code = /^(path_ambiguous|request_malformed)$/): Promise<void> {
  const ends = house.log.filter((line) => line.includes(ENDED)).length;

  const { status, text, isClosed, seen } = await ask(`GET ${target} HTTP/1.1`);

  expect([status, isClosed]).toEqual([400, true]);
  expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json\r\n/);
  expect(/"code":"(\w+)"/.exec(text)?.[1]).toMatch(code);
  expect(text.toLowerCase()).not.toContain('\nlocation:');
  expect(seen).toEqual([]);
  expect([upstream.halves, upstream.refused, upstream.open()]).toEqual([[], [], []]);
  // Refused before any route was looked for: neither table nor metrics see such a path.
  expect(house.log.filter((line) => line.includes(ENDED))).toHaveLength(ends + 1);
  expect(lastEnd()).toMatchObject({ outcome: 'refused', failure: expect.stringMatching(code) });
  expect(lastEnd().routeId).toBeUndefined();
}

describe('row-038-dot-segments: a path that could be normalised is refused', () => {
  test.each([
    ['//'],
    ['//api/ai/jobs/'],
    ['/api//ai/jobs/'],
    ['/api/ai/jobs//'],
    ['/./api/ai/jobs/'],
    ['/api/./ai/jobs/'],
    ['/api/x/../ai/jobs/'],
    ['/../api/ai/jobs/'],
    ['/api/ai/jobs/..'],
    ['/api/ai/jobs/.'],
    ['/api/ai/jobs/...'],
  ])('row-038-dot-segments: %s: 400, nothing upstream', async (target) => {
    await expectRefusal(target);
  });

  test('row-038-dot-segments: table, explanation, metrics and monolith all see the one path that is left', async () => {
    const { status, seen } = await ask('GET /api/chat/channels/7/messages/?limit=5 HTTP/1.1');

    expect(status).toBe(200);
    expect(seen.map(({ target }) => target)).toEqual(['/api/chat/channels/7/messages/?limit=5']);
    expect(lastEnd()).toMatchObject({ routeId: 'chat.messages', side: 'legacy' });
    const told = await house.admin('POST', '/api/explain', {
      method: 'GET',
      path: '/api/chat/channels/7/messages/',
      tenant: 'acme',
    });
    expect(await told.json()).toMatchObject({ route: 'chat.messages', side: 'legacy' });
    const metrics = await (await fetch(`${house.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/banyan_requests_total\{route="chat\.messages"/);
    expect(metrics).not.toContain('/api/chat');
  });
});

test.each([
  ['/%2e%2e/api/ai/jobs/'],
  ['/%2E/api/ai/jobs/'],
  ['/api/.%2e/ai/jobs/'],
  ['/api%2fai/jobs/'],
  ['/api%2Fai%2Fjobs/'],
  ['/api%5cai/jobs/'],
  ['/api%252fai/jobs/'],
  ['/api%25252fai/jobs/'],
  ['/%252e%252e/api/'],
  ['/api%255cai/'],
  ['/%c0%ae%c0%ae/api/'],
  ['/api%c0%afai/'],
  ['/api%e0%80%afai/'],
  ['/api%f0%80%80%afai/'],
  ['/api%ef%bc%8fai/'],
  ['/%ef%bc%8e%ef%bc%8e/api/'],
  ['/api%ef%bc%bcai/'],
  ['/%e2%80%a5/api/'],
  ['/api%u002fai/'],
])('row-039-encoded-separators: %s: 400, nothing upstream', async (target) => {
  await expectRefusal(target);
});

test.each([
  ['/api\\ai\\jobs/'],
  ['\\api/ai/jobs/'],
  ['/\\evil.example/'],
  ['/api/..\\ai/'],
  ['/api/ai/jobs/\\'],
])('row-040-backslash: %s: 400, nothing upstream, and nobody turns it into a slash', async (target) => {
  await expectRefusal(target);
});

describe('row-041-matrix-parameters: one rule for letters, escapes and ends of segments', () => {
  test.each([
    ['an escape that is not needed', '/%61pi/ai/jobs/'],
    ['an escaped tilde', '/api/%7Euser/'],
    ['a matrix parameter', '/api/ai;v=1/jobs/'],
    ['an empty matrix parameter', '/api/ai/jobs;/'],
    ['a session in the path', '/api/ai/jobs/;jsessionid=1'],
    ['dots and a matrix parameter', '/api/..;/ai/jobs/'],
    ['a dot at the end of a segment', '/api/ai./jobs/'],
    ['a dot at the end', '/api/ai/jobs.'],
    ['a space at the end of a segment', '/api/ai%20/jobs/'],
    ['a NUL', '/api/ai/jobs%00/'],
    ['a NUL, escaped twice', '/api/ai/jobs%2500/'],
    ['a line break', '/api/ai/jobs/%0d%0aX-Tenant-Id:%20initech'],
    ['a control character', '/api/ai/jobs/%7f'],
  ])('row-041-matrix-parameters: %s is refused, and nothing goes upstream', async (_what, target) => {
    await expectRefusal(target);
  });

  test('row-041-matrix-parameters: letter case counts, so another spelling of a listed path is not that route', async () => {
    const { seen } = await ask('GET /API/AI/Jobs/ HTTP/1.1');

    expect(seen.map(({ target }) => target)).toEqual(['/API/AI/Jobs/']);
    expect(lastEnd().routeId).toBeUndefined();
    expect(lastEnd()).toMatchObject({ side: 'legacy', reason: 'unlisted' });
  });

  test('row-041-matrix-parameters: an escape that is needed goes on as it came, in either case of its digits', async () => {
    const { seen } = await ask('GET /caf%c3%a9/100%25%20off/caf%C3%A9/a%3Bb/ HTTP/1.1');

    expect(seen.map(({ target }) => target)).toEqual(['/caf%c3%a9/100%25%20off/caf%C3%A9/a%3Bb/']);
  });
});

describe('row-042-authority-in-the-path: no path is taken for a host, and no redirect is made of one', () => {
  test.each([
    ['a fragment', '/api/ai/jobs/#admin'],
    ['a fragment behind a query', '/api/ai/jobs/?a=1#b'],
    ['a host', '//evil.example/api/'],
    ['a host behind a user', '//user@evil.example/'],
    ['a host behind backslashes', '/\\evil.example/'],
    ['another scheme', 'ftp://acme.localhost/api/'],
    ['a scheme without a host', 'http:/api/'],
    ['a host and port', 'evil.example:80'],
  ])('row-042-authority-in-the-path: %s: 400, nothing upstream, no redirect', async (_what, target) => {
    await expectRefusal(target);
  });

  test.each([
    ['http://evil.example/api/'],
    ['http://acme.localhost@evil.example/'],
    ['http://acme.localhost:81/api/'],
  ])('row-042-authority-in-the-path: %s, which is not the Host, is refused', async (target) => {
    await expectRefusal(target, /^request_malformed$/);
  });

  test('row-042-authority-in-the-path: the gateway leaves missing slashes and redirects to the monolith', async () => {
    const { status, seen } = await ask('GET /api/ai/jobs HTTP/1.1');

    expect(status).toBe(200);
    expect(seen.map(({ target }) => target)).toEqual(['/api/ai/jobs']);
  });
});

test.each([
  ['a lone percent sign', '/a%'],
  ['half an escape', '/a%2'],
  ['an escape that is none', '/a%zz'],
  ['a byte beyond ASCII', '/caf\xe9/'],
  ['UTF-8 as it is', '/caf\xc3\xa9/'],
  ['a cut sequence', '/a%c3'],
  ['a surrogate', '/a%ed%a0%80'],
  ['a quote', '/a"b'],
  ['a brace', '/a{b}'],
  ['no slash', 'api/ai/jobs/'],
  ['an asterisk', '*'],
  ['a byte beyond ASCII in the query', '/a?q=caf\xe9'],
])('row-043-bad-escapes: %s: 400, nothing upstream', async (_what, target) => {
  await expectRefusal(target);
});

test.each([
  ['GET /a b HTTP/1.1'],
  ['GET /a\tb HTTP/1.1'],
  ['GET  HTTP/1.1'],
  ['OPTIONS * HTTP/1.1'],
  ['GET /a\0b HTTP/1.1'],
])('row-043-bad-escapes: the request line %j: 400, nothing upstream', async (requestLine) => {
  const { status, isClosed, seen } = await ask(requestLine);

  expect([status, isClosed, seen]).toEqual([400, true, []]);
  expect([upstream.halves, upstream.refused, upstream.open()]).toEqual([[], [], []]);
});

test.each([['GET  /a HTTP/1.1'], ['GET /a  HTTP/1.1']])(
  'row-043-bad-escapes: spaces too many in the request line %j are not handed on (RFC 9112 section 3 lets them pass)',
  async (requestLine) => {
    const { seen } = await ask(requestLine);

    expect(seen.map(({ method, target }) => `${method} ${target}`)).toEqual(['GET /a']);
  },
);

test.each([
  ['?'],
  ['?b=2&a=1&b=3&a='],
  ['?q=%2e%2e%2f&r=%C3%A9&s=%c3%a9&t=%'],
  ['?next=//evil.example/../a;b&x=http://y/#'.slice(0, -1)],
  ['?a=b?c=d&&=&a'],
  ['?{"a":[1,2]}|^`\\'],
  ['?plus=a+b%20c%2B&empty=&=x'],
  [`?long=${'q'.repeat(8_000)}`],
])('row-044-query-as-it-came: the monolith gets the query byte for byte: %s', async (query) => {
  const { seen } = await ask(`GET /api/ai/jobs/${query} HTTP/1.1`);

  expect(seen.map(({ target }) => target)).toEqual([`/api/ai/jobs/${query}`]);
});

describe('row-045-overlapping-routes: a table in which one request could be two routes is refused', () => {
  const countRefusals = () => house.log.filter((line) => line.includes('"event":"table_refused"')).length;
  const routeOf = async () => {
    await ask('GET /api/ai/jobs/12/ HTTP/1.1');
    return lastEnd().routeId;
  };

  test.each([
    ['the same paths', '{ method: GET, path: "/api/ai/jobs/:number/" }', 'ai.job'],
    ['a narrower path that does not say so', '{ method: GET, path: /api/ai/jobs/latest/ }', 'ai.job'],
    ['paths that cross', '{ method: GET, path: "/api/ai/:what/12/" }', 'ai.job'],
  ])(
    'row-045-overlapping-routes: %s: both are named, and the last good table stays',
    async (_what, match, rival) => {
      const refusals = countRefusals();

      house.writeTable(`${DEMO_TABLE}\n  - { id: ai.rival, match: ${match} }\n`);
      await until(() => countRefusals() > refusals, 'the table to be refused');

      const told = house.log.findLast((line) => line.includes('"event":"table_refused"')) ?? '';
      expect(told).toContain('ai.rival');
      expect(told).toContain(rival);
      expect(await routeOf()).toBe('ai.job');
      house.writeTable(DEMO_TABLE);
    },
  );
});

describe('row-046-unkeyed-headers: nothing is cached, and nothing but tenant and user decides', () => {
  const ODD = [
    'X-Forwarded-Host: globex.localhost',
    'X-Forwarded-For: 10.0.0.1',
    'X-Original-URL: /api/dashboard/summary/',
    'X-Rewrite-URL: /api/dashboard/summary/',
    'X-HTTP-Method-Override: DELETE',
    'X-Tenant-Id: globex',
    'X-Banyan-Side: legacy',
    'X-Banyan-Side: new',
    'User-Agent: Googlebot',
    'Accept-Language: de',
    'Cookie: side=new; tenant=globex',
    'Forwarded: host=globex.localhost',
    'X-Host: globex.localhost',
    'Range: bytes=0-1',
    'Cache-Control: only-if-cached',
    'If-None-Match: *',
  ];
  const GET = 'GET /api/ai/jobs/ HTTP/1.1';

  beforeEach(() => house.useTable(tableAt('canary', ['globex'])));

  test.each(ODD)(
    'row-046-unkeyed-headers: with %s the same side answers, for the same reason',
    async (line) => {
      const sides = [];
      for (const lines of [[], [line]]) {
        for (const tenant of ['acme', 'globex']) {
          const head = [
            GET,
            'Host: localhost',
            'Connection: close',
            `X-API-Key: byn_demo_${tenant}`,
            ...lines,
            '',
            '',
          ];
          const { text } = await sendRaw(house.gatewayPort, head.join('\r\n'));
          sides.push(`${tenant} ${/X-Served-By: (\w+)/.exec(text)?.[1]} ${lastEnd().reason}`);
        }
      }

      expect(sides.slice(2)).toEqual(sides.slice(0, 2));
      expect(sides[0]).toMatch(/^acme legacy /);
      expect(sides[1]).toMatch(/^globex new /);
    },
  );

  test('row-046-unkeyed-headers: every question reaches its side, and no answer is anybody else’s', async () => {
    const numbers = [];
    for (let i = 0; i < 3; i += 1) {
      const { seen, text } = await ask(GET);
      expect(seen).toHaveLength(1);
      expect(text).toContain(`X-Echo: ${seen[0]?.number}\r\n`);
      expect(text).not.toMatch(/\r\n(Age|X-Cache[^:]*):/i);
      numbers.push(seen[0]?.number);
    }
    expect(new Set(numbers).size).toBe(3);
    expect((await ask('GET /a//b HTTP/1.1')).text).toContain('Cache-Control: no-store\r\n');
  });
});

describe('row-047-destinations: nobody but who sets the environment says where requests go', () => {
  test('row-047-destinations: no header and no form of target leads to another host', async () => {
    let visits = 0;
    const inside = createServer((socket) => {
      visits += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
    const { port } = inside.address() as { port: number };
    const there = `127.0.0.1:${port}`;
    const asks = [
      `GET /f/ HTTP/1.1\r\nHost: ${there}`,
      `GET http://${there}/f/ HTTP/1.1\r\nHost: ${there}`,
      `GET /f/ HTTP/1.1\r\nHost: acme.localhost\r\nX-Forwarded-Host: ${there}\r\nForwarded: host=${there}\r\nX-Original-Host: ${there}`,
      `CONNECT ${there} HTTP/1.1\r\nHost: ${there}`,
      `GET /ws/chat/1/ HTTP/1.1\r\nHost: ${there}\r\n${KEY}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==`,
    ];
    const before = upstream.seen.length;

    for (const text of asks) await sendRaw(house.gatewayPort, `${text}\r\n\r\n`, '\r\n\r\n');

    expect(visits).toBe(0);
    expect(upstream.seen.slice(before).map(({ target }) => target)).toEqual([
      '/f/',
      '/f/',
      '/f/',
      '/ws/chat/1/',
    ]);
    await new Promise((resolve) => inside.close(resolve));
  });

  test.each([
    [
      'a route',
      'routes',
      '\n  - { id: x.y, match: { method: GET, path: /x/ }, url: "http://169.254.169.254/" }\n',
    ],
    ['a feature', 'features', '\nlegacy_url: http://169.254.169.254/\n'],
  ])('row-047-destinations: the table can name none: %s that does is refused', async (_what, _key, more) => {
    const count = () => house.log.filter((line) => line.includes('"event":"table_refused"')).length;
    const refusals = count();

    house.writeTable(DEMO_TABLE + more);
    await until(() => count() > refusals, 'the table to be refused');

    expect((await ask('GET /api/ai/jobs/ HTTP/1.1')).status).toBe(200);
    house.writeTable(DEMO_TABLE);
  });

  test('row-047-destinations: neither can the console', async () => {
    const patch = { url: 'http://169.254.169.254/', upstream: 'http://169.254.169.254/', reason: 'try' };
    const answer = await house.admin('PATCH', '/api/routes/ai.jobs', patch);

    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });

  test.each([
    ['LEGACY_URL', 'http://169.254.169.254'],
    ['LEGACY_URL', 'http://169.254.170.2'],
    ['LEGACY_URL', 'http://2852039166'],
    ['LEGACY_URL', 'http://[fe80::1]'],
    ['LEGACY_URL', 'http://[::ffff:169.254.169.254]'],
    ['LEGACY_URL', 'http://[fd00:ec2::254]'],
    ['LEGACY_URL', 'http://user:password@legacy'],
    ['LEGACY_URL', 'http://:password@legacy'],
    ['LEGACY_URL', 'ftp://legacy'],
    ['LEGACY_URL', 'file:///etc/passwd'],
    ['JWT_JWKS_URL', 'http://169.254.169.254/keys'],
    ['JWT_JWKS_URL', 'https://user:password@issuer.example/keys'],
    ['AI_BASE_URL', 'http://169.254.169.254/latest/'],
    ['UNLEASH_URL', 'http://169.254.169.254/api'],
    ['UNLEASH_URL', 'gopher://unleash/'],
  ])('row-047-destinations: %s=%s is refused at start', (name, value) => {
    const result = readSettings({ [name]: value });

    expect(result).toMatchObject({ kind: 'mistakes' });
    expect(JSON.stringify(result)).toContain(name);
  });

  test.each([
    ['http://127.0.0.1:8000'],
    ['http://10.0.0.7'],
    ['https://legacy.internal:8443'],
    ['http://[::1]:8000'],
  ])('row-047-destinations: LEGACY_URL=%s is taken', (value) => {
    expect(readSettings({ LEGACY_URL: value })).toMatchObject({ kind: 'settings' });
  });
});

describe('row-048-loop: a request that comes back is refused', () => {
  test('row-048-loop: a monolith that sends it back to the front door gets 508, and it goes round once', async () => {
    const { status, seen, text } = await ask('GET /looping/ HTTP/1.1');

    expect(status).toBe(508);
    expect(text).toContain('"code":"loop_detected"');
    expect(seen).toHaveLength(1);
    expect(valuesOf(seen[0]?.lines ?? [], 'via')).toEqual(['1.1 banyan']);
  });

  test.each([
    ['Via: 1.1 banyan'],
    ['Via: 1.0 fred, 1.1 banyan (Banyan)'],
    ['Via: 1.0 fred\r\nVia: HTTP/1.1 BANYAN'],
    ['Via: 1.1 banyan\r\nConnection: Via'],
  ])('row-048-loop: %j: 508, nothing upstream', async (line) => {
    const { status, seen } = await ask('GET /f/ HTTP/1.1', [KEY, line]);

    expect([status, seen]).toEqual([508, []]);
  });

  test('row-048-loop: somebody else’s entry goes on, and ours behind it', async () => {
    const { seen } = await ask('GET /f/ HTTP/1.1', [KEY, 'Via: 1.0 fred, 1.1 not-banyan']);

    expect(valuesOf(seen[0]?.lines ?? [], 'via')).toEqual(['1.0 fred, 1.1 not-banyan', '1.1 banyan']);
  });
});
