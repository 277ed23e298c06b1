import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestHouse } from '../support/house.ts';
import { sendRaw } from '../support/raw-http.ts';
import {
  get,
  HANDSHAKE,
  HOST,
  headOf,
  KEY,
  namesOf,
  newTarget,
  type RecordedHouse,
  refusalOf,
  startRecordedHouse,
  statusOf,
  valuesOf,
  write,
} from './recorded-house.ts';
import { type RecordingRelay, relaySays } from './recording-relay.ts';

const TRUSTED = '127.0.0.2';

let recorded: RecordedHouse;
let house: TestHouse;
let relay: RecordingRelay;
beforeAll(async () => {
  recorded = await startRecordedHouse({ env: { TRUSTED_PROXIES: TRUSTED } });
  ({ house, relay } = recorded);
});
afterAll(() => recorded.close());

const ask = (bytes: string) => sendRaw(house.gatewayPort, bytes);
const expectRefused = async (bytes: string, status: number, code: string) =>
  expect(await refusalOf(recorded, bytes)).toEqual({ status, code, isClosed: true, wentUp: 0 });

describe('one request names one host', () => {
  test.each([
    ['two different hosts', [HOST, 'Host: globex.localhost']],
    ['two equal hosts', [HOST, HOST]],
    ['no host', []],
    ['an empty host', ['Host:']],
    ['a path behind the host', ['Host: acme.localhost/api']],
    ['a user before the host', ['Host: globex@acme.localhost']],
    ['a list of hosts', ['Host: acme.localhost, globex.localhost']],
    ['a host with a space', ['Host: acme.localhost globex.localhost']],
    ['a port that is none', ['Host: acme.localhost:8o']],
  ])('row-018-hosts: %s is refused, the connection closed, and nothing goes upstream', async (_, hosts) => {
    await expectRefused(write(`GET ${newTarget()} HTTP/1.1`, ...hosts, KEY), 400, 'request_malformed');
  });

  test.each([
    ['another tenant', 'http://globex.localhost'],
    ['another port', 'http://acme.localhost:81'],
    ['a user', 'http://x@acme.localhost'],
    ['an empty host', 'http://'],
  ])(
    'row-019-absolute-form: a target that names %s, which Host does not, is refused',
    async (_, authority) => {
      await expectRefused(
        write(`GET ${authority}${newTarget()} HTTP/1.1`, HOST, KEY),
        400,
        'request_malformed',
      );
    },
  );

  test('row-019-absolute-form: where both agree, the request is routed and forwarded by that one host', async () => {
    const target = newTarget('/api/auth/me/');

    const answer = await ask(get(`http://ACME.localhost${target}`));

    expect(statusOf(answer)).toBe(200);
    const lines = relay.linesOf(target);
    expect(lines[0]).toBe(`GET ${target} HTTP/1.1`);
    expect(valuesOf(lines, 'host')).toEqual(['acme.localhost']);
    expect(valuesOf(lines, 'x-tenant-id')).toEqual(['acme']);
  });
});

describe('what belongs to one hop', () => {
  test('row-023-hop-by-hop: of a request ends at the gateway, with everything that Connection names', async () => {
    const target = newTarget();
    const own = [
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eDp5',
      'TE: trailers',
      'Trailer: X-Sum',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
      'X-One-Hop: 1',
    ];

    await ask(get(target, 'Connection: X-One-Hop, keep-alive', ...own, 'X-Other: 2'));

    const names = namesOf(relay.linesOf(target));
    for (const line of own) expect(names).not.toContain(line.split(':')[0]?.toLowerCase());
    expect(names).toContain('x-other');
  });

  test('row-023-hop-by-hop: of an answer ends at the gateway, too', async () => {
    const own = [
      'Keep-Alive: timeout=5',
      'Proxy-Connection: close',
      'Upgrade: h2c',
      'Trailer: X-Sum',
      'X-One-Hop: 1',
    ];
    const echo = relaySays(
      `${['HTTP/1.1 200 OK', 'Connection: X-One-Hop, close', ...own, 'X-Other: 2', 'Content-Length: 2'].join('\r\n')}\r\n\r\nok`,
    );

    const lines = headOf(await ask(get(newTarget(), echo)));

    const names = namesOf(lines);
    for (const line of own) expect(names).not.toContain(line.split(':')[0]?.toLowerCase());
    expect(names).toContain('x-other');
    expect(valuesOf(lines, 'connection')).toEqual(['close']);
  });

  test('row-024-via-and-forwards: Via is added behind that of other gateways; Max-Forwards counts down for OPTIONS', async () => {
    const target = newTarget();

    await ask(
      write(`OPTIONS ${target} HTTP/1.1`, HOST, KEY, 'Connection: close', 'Via: 1.0 edge', 'Max-Forwards: 3'),
    );

    const lines = relay.linesOf(target);
    expect(valuesOf(lines, 'via')).toEqual(['1.0 edge', '1.1 banyan']);
    expect(valuesOf(lines, 'max-forwards')).toEqual(['2']);
  });

  test.each([
    ['OPTIONS that has no forward left', 'OPTIONS', ['Max-Forwards: 0']],
    ['TRACE', 'TRACE', []],
    ['TRACE that has forwards left', 'TRACE', ['Max-Forwards: 5']],
  ])(
    'row-024-via-and-forwards: %s is answered by the gateway with 405 and Allow',
    async (_, method, lines) => {
      const before = relay.count();
      const answer = await ask(write(`${method} ${newTarget()} HTTP/1.1`, HOST, KEY, ...lines));
      expect([statusOf(answer), answer.isClosed]).toEqual([405, true]);
      expect(answer.text).toMatch(/^Allow: GET, /m);
      // What the client sent is not echoed, as TRACE would.
      expect(answer.text).not.toContain('byn_demo');
      expect(relay.count()).toBe(before);
    },
  );

  test.each([
    ['a host and a port', 'internal.example:5432'],
    ['a path', '/api/ai/jobs/'],
  ])(
    'row-024-via-and-forwards: CONNECT to %s is refused and closed, and what follows is not read',
    async (_, to) => {
      const before = relay.count();
      const answer = await ask(write(`CONNECT ${to} HTTP/1.1`, HOST, KEY) + get(newTarget()));
      expect([statusOf(answer), answer.isClosed]).toEqual([405, true]);
      expect(answer.text.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
      expect(relay.count()).toBe(before);
    },
  );

  test.each([
    ['h2c', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']],
    ['an unknown protocol', ['Connection: upgrade', 'Upgrade: chimera/3']],
    [
      'a list with websocket in it',
      ['Connection: upgrade', 'Upgrade: h2c, websocket', ...HANDSHAKE.slice(2)],
    ],
    ['websocket without a key', ['Connection: upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']],
  ])(
    'row-026-upgrades: %s is no upgrade, and the request is answered as the ordinary one it is',
    async (_, lines) => {
      const target = newTarget();

      const answer = await ask(write(`GET ${target} HTTP/1.1`, HOST, KEY, ...lines, 'Connection: close'));

      expect(statusOf(answer)).toBe(200);
      expect(namesOf(headOf(answer))).not.toContain('upgrade');
      const names = namesOf(relay.linesOf(target));
      expect(names).not.toContain('upgrade');
      expect(names).not.toContain('http2-settings');
      expect(valuesOf(relay.linesOf(target), 'connection').join()).not.toMatch(/upgrade/i);
    },
  );
});

const ORIGINS = [
  'Forwarded: for=6.6.6.6;host=evil.example;proto=https',
  'X-Forwarded-For: 6.6.6.6',
  'X-Forwarded-Host: evil.example',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Port: 666',
  'X-Forwarded-Prefix: /evil.example',
  'X-Forwarded-Server: evil.example',
  'X-Real-IP: 6.6.6.6',
  'X-Original-Host: evil.example',
  'X-Original-URL: /evil.example',
  'X-Rewrite-URL: /evil.example',
  'Proxy: http://evil.example',
];

describe('where a request came from', () => {
  test('row-025-forwarded: is said by the gateway; what a stranger says of it never arrives', async () => {
    const target = newTarget();

    expect(statusOf(await ask(get(target, ...ORIGINS)))).toBe(200);

    const lines = relay.linesOf(target);
    expect(lines.join('\n')).not.toMatch(/6\.6\.6\.6|evil\.example|666/);
    expect(valuesOf(lines, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(valuesOf(lines, 'x-forwarded-proto')).toEqual(['http']);
    expect(valuesOf(lines, 'x-forwarded-host')).toEqual(['acme.localhost']);
  });

  test('row-025-forwarded: a listed proxy is believed about its client and about TLS, and about nothing else', async () => {
    const target = newTarget();

    await sendFrom(TRUSTED, get(target, ...ORIGINS));

    const lines = relay.linesOf(target);
    expect(lines.join('\n')).not.toMatch(/evil\.example|666\b(?!\.)/);
    expect(valuesOf(lines, 'x-forwarded-for')).toEqual(['6.6.6.6']);
    expect(valuesOf(lines, 'x-forwarded-proto')).toEqual(['https']);
    expect(valuesOf(lines, 'x-forwarded-host')).toEqual(['acme.localhost']);
  });
});

/** The same as `ask`, from another address of this machine. */
function sendFrom(localAddress: string, bytes: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: house.gatewayPort, host: '127.0.0.1', localAddress }, () =>
      socket.write(bytes),
    );
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.resume();
  });
}

describe('a head of any size', () => {
  const filler = (bytes: number) => `X-Filler: ${'x'.repeat(bytes)}`;
  test.each([
    ['one header of 17 KiB', () => get(newTarget(), filler(17 * 1024)), 431],
    ['one header of 1 MiB', () => get(newTarget(), filler(1024 * 1024)), 431],
    ['200 headers', () => get(newTarget(), ...Array.from({ length: 200 }, (_, i) => `X-N${i}: 1`)), 431],
    ['5000 headers', () => get(newTarget(), ...Array.from({ length: 5_000 }, (_, i) => `N${i}: 1`)), 431],
    ['a target of 17 KiB', () => get(`${newTarget()}&x=${'x'.repeat(17 * 1024)}`), 414],
    ['a target of 1 MiB', () => get(`${newTarget()}&x=${'x'.repeat(1024 * 1024)}`), 431],
  ])(
    'row-028-header-flood: %s is refused, the connection closed, and nothing goes upstream',
    async (_, head, status) => {
      const before = relay.count();
      const answer = await ask(head());
      expect([statusOf(answer), answer.isClosed]).toEqual([status, true]);
      expect(relay.count()).toBe(before);
    },
  );

  test('row-028-header-flood: a head of 15 KiB and 190 headers goes on whole', async () => {
    const target = newTarget();
    const lines = Array.from({ length: 190 }, (_, i) => `X-N${i}: ${'x'.repeat(60)}`);
    expect(statusOf(await ask(get(target, ...lines)))).toBe(200);
    expect(relay.linesOf(target).filter((line) => line.startsWith('X-N'))).toEqual(lines);
  });
});
