import { createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../src/settings.ts';
import { type Seen, writeEcho } from '../fuzz/recording-upstream.ts';
import { valuesOf } from '../fuzz/strict-parser.ts';
import { DEMO_TABLE, tableAt, until } from '../support/house.ts';
import { sendRaw } from '../support/raw-http.ts';
import { KEY, openRawHouse, type RawHouse } from './raw-house.ts';

// Where a request goes, and who may say so.

let raw: RawHouse;

beforeAll(async () => {
  raw = await openRawHouse((seen, socket) => {
    if (!seen.target.startsWith('/looping/')) return writeEcho(seen);
    void sendBack(seen).then((text) => socket.end(text, 'latin1'));
    return undefined;
  });
});
afterAll(() => raw?.close());

/** Whatever comes goes back to the front door, as a badly set LEGACY_URL would have it. */
async function sendBack({ target, lines }: Seen): Promise<string> {
  const kept = lines.filter(([name]) => name.toLowerCase() !== 'connection');
  const head = [`GET ${target} HTTP/1.1`, ...kept.map(([name, value]) => `${name}: ${value}`)];
  const { text } = await sendRaw(raw.house.gatewayPort, `${head.join('\r\n')}\r\nConnection: close\r\n\r\n`);
  return text;
}

describe('row-045-overlapping-routes: a table in which one request could be two routes is refused', () => {
  const countRefusals = () => raw.house.log.filter((line) => line.includes('"event":"table_refused"')).length;
  const routeOf = async () => {
    await raw.ask('GET /api/ai/jobs/12/ HTTP/1.1');
    return raw.lastEnd().routeId;
  };

  test.each([
    ['the same paths', '{ method: GET, path: "/api/ai/jobs/:number/" }', 'ai.job'],
    ['a narrower path that does not say so', '{ method: GET, path: /api/ai/jobs/latest/ }', 'ai.job'],
    ['paths that cross', '{ method: GET, path: "/api/ai/:what/12/" }', 'ai.job'],
  ])(
    'row-045-overlapping-routes: %s: both are named, and the last good table stays',
    async (_what, match, rival) => {
      const refusals = countRefusals();

      raw.house.writeTable(`${DEMO_TABLE}\n  - { id: ai.rival, match: ${match} }\n`);
      await until(() => countRefusals() > refusals, 'the table to be refused');

      const told = raw.house.log.findLast((line) => line.includes('"event":"table_refused"')) ?? '';
      expect(told).toContain('ai.rival');
      expect(told).toContain(rival);
      expect(await routeOf()).toBe('ai.job');
      raw.house.writeTable(DEMO_TABLE);
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

  beforeEach(() => raw.house.useTable(tableAt('canary', ['globex'])));

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
          const { text } = await sendRaw(raw.house.gatewayPort, head.join('\r\n'));
          sides.push(`${tenant} ${/X-Served-By: (\w+)/.exec(text)?.[1]} ${raw.lastEnd().reason}`);
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
      const { seen, text } = await raw.ask(GET);
      expect(seen).toHaveLength(1);
      expect(text).toContain(`X-Echo: ${seen[0]?.number}\r\n`);
      expect(text).not.toMatch(/\r\n(Age|X-Cache[^:]*):/i);
      numbers.push(seen[0]?.number);
    }
    expect(new Set(numbers).size).toBe(3);
    expect((await raw.ask('GET /a//b HTTP/1.1')).text).toContain('Cache-Control: no-store\r\n');
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
    const before = raw.upstream.seen.length;

    for (const text of asks) await sendRaw(raw.house.gatewayPort, `${text}\r\n\r\n`, '\r\n\r\n');

    expect(visits).toBe(0);
    expect(raw.upstream.seen.slice(before).map(({ target }) => target)).toEqual([
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
    const count = () => raw.house.log.filter((line) => line.includes('"event":"table_refused"')).length;
    const refusals = count();

    raw.house.writeTable(DEMO_TABLE + more);
    await until(() => count() > refusals, 'the table to be refused');

    expect((await raw.ask('GET /api/ai/jobs/ HTTP/1.1')).status).toBe(200);
    raw.house.writeTable(DEMO_TABLE);
  });

  test('row-047-destinations: neither can the console', async () => {
    const patch = { url: 'http://169.254.169.254/', upstream: 'http://169.254.169.254/', reason: 'try' };
    const answer = await raw.house.admin('PATCH', '/api/routes/ai.jobs', patch);

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
    const { status, seen, text } = await raw.ask('GET /looping/ HTTP/1.1');

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
    const { status, seen } = await raw.ask('GET /f/ HTTP/1.1', [KEY, line]);

    expect([status, seen]).toEqual([508, []]);
  });

  test('row-048-loop: somebody else’s entry goes on, whatever Connection says, and ours behind it', async () => {
    const { seen } = await raw.ask('GET /f/ HTTP/1.1', [
      KEY,
      'Via: 1.0 fred, 1.1 not-banyan',
      'Connection: via',
    ]);

    expect(valuesOf(seen[0]?.lines ?? [], 'via')).toEqual(['1.0 fred, 1.1 not-banyan', '1.1 banyan']);
  });
});
