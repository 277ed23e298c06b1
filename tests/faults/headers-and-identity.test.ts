import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { sendRaw } from '../support/raw-http.ts';
import { openRecordingRelay, type RecordingRelay, relaySays } from './recording-relay.ts';

const TRUSTED = '127.0.0.2';

let relay: RecordingRelay;
let house: TestHouse;
beforeAll(async () => {
  relay = await openRecordingRelay();
  house = await startHouse({ legacyUrl: relay.url, env: { TRUSTED_PROXIES: TRUSTED } });
  relay.leadTo(house.legacy.port);
});
afterAll(async () => {
  await house.close();
  await relay.close();
});

const HOST = 'Host: acme.localhost';
const KEY = 'X-API-Key: byn_demo_acme';
let marks = 0;
/** A target that no other test asks for. */
const newTarget = (path = '/api/ai/jobs/') => `${path}?mark=${++marks}`;
const write = (requestLine: string, ...lines: readonly string[]) =>
  `${requestLine}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const get = (target: string, ...lines: readonly string[]) =>
  write(`GET ${target} HTTP/1.1`, HOST, KEY, 'Connection: close', ...lines);
const ask = (bytes: string) => sendRaw(house.gatewayPort, bytes);
const statusOf = ({ text }: { text: string }) => Number(text.slice(9, 12));

/** The values of one header, as they went up or came down. */
function valuesOf(lines: readonly string[], name: string): readonly string[] {
  const start = `${name.toLowerCase()}:`;
  return lines
    .filter((line) => line.toLowerCase().startsWith(start))
    .map((line) => line.slice(start.length).trim());
}

const namesOf = (lines: readonly string[]) => lines.slice(1).map((line) => line.split(':')[0]?.toLowerCase());
const headOf = ({ text }: { text: string }) => text.split('\r\n\r\n')[0]?.split('\r\n') ?? [];

async function expectRefused(bytes: string, status: number, code: string): Promise<void> {
  const before = relay.count();
  const answer = await ask(bytes);
  expect([statusOf(answer), answer.isClosed]).toEqual([status, true]);
  expect(answer.text).toContain(`"code":"${code}"`);
  expect(relay.count()).toBe(before);
}

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

const FORGED = 'forged-by-a-client';
const IDENTITY_NAMES = [
  'X-Identity-Tag',
  'X-Tenant-Id',
  'X-User-Id',
  'X-Banyan-Side',
  'X-Banyan-Anything',
  'X-Served-By',
];
const ways = (name: string): readonly (readonly [string, readonly string[]])[] => [
  ['plain', [`${name}: ${FORGED}`]],
  ['repeated in mixed case', [`${name.toLowerCase()}: ${FORGED}`, `${name.toUpperCase()}: ${FORGED}`]],
  ['named by Connection', [`Connection: ${name}`, `${name}: ${FORGED}`]],
];
const SPOOFS = IDENTITY_NAMES.flatMap((name) =>
  ways(name).map(([way, lines]) => [`${name} ${way}`, lines] as const),
);
const TWINS = ['_', '.', '~', "'", '^', '|'].flatMap((sign) =>
  ['X-Identity-Tag', 'X-Tenant-Id', 'X-User-Id'].map((name) => name.replaceAll('-', sign)),
);

describe('a client cannot say who it is', () => {
  test.each(SPOOFS)(
    'row-020-spoofed-identity: %s never arrives; legacy gets exactly one tag, and it is ours',
    async (_, lines) => {
      const target = newTarget();

      // The stub verifies the tag against the headers beside it: 200 says that all of them are genuine.
      expect(statusOf(await ask(get(target, ...lines)))).toBe(200);

      const arrived = relay.linesOf(target);
      expect(arrived.join('\n')).not.toContain(FORGED);
      expect(valuesOf(arrived, 'x-identity-tag')).toHaveLength(1);
      expect(valuesOf(arrived, 'x-tenant-id')).toEqual(['acme']);
      expect(valuesOf(arrived, 'x-user-id')).toEqual(['1']);
    },
  );

  test('row-021-folded-names: a twin by any other sign than a dash is dropped, and so is every name outside [a-z0-9-]', async () => {
    const target = newTarget();
    const twins = [...TWINS, 'X_Forwarded_For', 'Content_Length', 'Transfer_Encoding', 'X_Note'];

    expect(statusOf(await ask(get(target, ...twins.map((name) => `${name}: ${FORGED}`))))).toBe(200);

    const arrived = relay.linesOf(target);
    expect(arrived.join('\n')).not.toContain(FORGED);
    for (const name of namesOf(arrived)) expect(name).toMatch(/^[a-z0-9-]+$/);
  });

  test('row-035-one-identity: a handler of the new side sees the caller that the door has found, whatever the headers say', async () => {
    await house.useTable(tableAt('new'));
    try {
      const lies = ['X-Tenant-Id: globex', 'X_Tenant_Id: globex', 'X-User-Id: 2', 'X.User.Id: 2'];
      const target = newTarget('/api/auth/me/');
      const honest = await ask(get(target));
      const lying = await ask(
        get(target, ...lies, `X-Identity-Tag: ${FORGED}`, 'Cookie: sessionid=abcdefgh12345678'),
      );
      const foreign = await ask(
        write(`GET ${target} HTTP/1.1`, 'Host: globex.localhost', KEY, 'Connection: close'),
      );

      expect(honest.text).toContain('X-Served-By: new');
      expect(statusOf(honest)).toBe(200);
      expect(lying.text.split('\r\n\r\n')[1]).toBe(honest.text.split('\r\n\r\n')[1]);
      expect(foreign.text).toContain('"code":"tenant_contradiction"');
    } finally {
      await house.useTable(tableAt('legacy'));
    }
  });
});

describe('a tag that somebody has seen', () => {
  const takeTag = async () => {
    const target = newTarget();
    await ask(get(target));
    const lines = relay.linesOf(target);
    return { target, tag: valuesOf(lines, 'x-identity-tag')[0] ?? '', lines };
  };
  const readPart = (part: string | undefined): Record<string, unknown> =>
    JSON.parse(Buffer.from(part ?? '', 'base64url').toString());

  test('row-022-replayed-tag: lives 30 s, for one side, method and target, and is of a type of its own', async () => {
    const { tag } = await takeTag();
    const [header, claims] = tag.split('.').slice(0, 2).map(readPart);
    expect(header).toMatchObject({ alg: 'ES256', typ: 'banyan-tag+jwt' });
    expect(claims).toMatchObject({
      iss: 'banyan',
      aud: 'legacy',
      htm: 'GET',
      htp: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      jti: expect.stringMatching(/^[A-Za-z0-9_-]{20,}$/),
    });
    expect(Number(claims?.exp) - Number(claims?.iat)).toBe(30);
    const { tag: next } = await takeTag();
    expect(readPart(next.split('.')[1]).jti).not.toBe(claims?.jti);
  });

  test('row-022-replayed-tag: is no credential at the gateway, in whatever header it comes', async () => {
    const { tag } = await takeTag();
    for (const line of [`Authorization: Bearer ${tag}`, `X-API-Key: ${tag}`])
      await expectRefused(
        write(`GET ${newTarget()} HTTP/1.1`, HOST, 'Connection: close', line),
        401,
        'credential_invalid',
      );
    await expectRefused(
      write(`GET ${newTarget()} HTTP/1.1`, HOST, 'Connection: close', `X-Identity-Tag: ${tag}`),
      401,
      'credential_missing',
    );
  });

  test('row-022-replayed-tag: is worth nothing to legacy itself on another target, by another method, or with another tenant beside it', async () => {
    const { target, tag, lines } = await takeTag();
    const knock = (requestLine: string, ...more: readonly string[]) =>
      sendRaw(
        house.legacy.port,
        write(requestLine, HOST, `X-Identity-Tag: ${tag}`, 'Connection: close', ...more),
      );
    const rid = `X-Request-Id: ${valuesOf(lines, 'x-request-id')[0]}`;

    expect(statusOf(await knock(`GET ${target} HTTP/1.1`, rid))).toBe(200);
    for (const [line, more] of [
      [`GET ${newTarget()} HTTP/1.1`, rid],
      [`DELETE ${target} HTTP/1.1`, rid],
      [`GET ${target} HTTP/1.1`, 'X-Tenant-Id: globex'],
      [`GET ${target} HTTP/1.1`, 'X-User-Id: 2'],
    ] as const)
      expect(statusOf(await knock(line, more))).toBe(403);
  });

  test('row-022-replayed-tag: is never shown to a client, even where legacy says it back', async () => {
    const echo = relaySays(
      `HTTP/1.1 200 OK\r\nx-identity-tag: ${FORGED}\r\nX-Identity-Tag: ${FORGED}\r\nContent-Length: 2\r\n\r\nok`,
    );
    const { text } = await ask(get(newTarget(), echo));
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).not.toContain(FORGED);
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
      ['Connection: upgrade', 'Upgrade: h2c, websocket', ...handshake().slice(2)],
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

function handshake(): readonly string[] {
  return [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
  ];
}

describe.each(['legacy', 'new'] as const)('a WebSocket to the %s side', (side) => {
  beforeAll(() => house.useTable(tableAt(side)));
  afterAll(() => house.useTable(tableAt('legacy')));

  const knock = (path: string, host: string, ...lines: readonly string[]) =>
    write(`GET ${path} HTTP/1.1`, `Host: ${host}`, ...handshake(), ...lines);

  test.each([
    ['without a credential', '/ws/chat/1/', 'acme.localhost', [], 401],
    ['with a wrong key', '/ws/chat/1/', 'acme.localhost', ['X-API-Key: byn_demo_nobody'], 401],
    [
      'with a tag of its own',
      '/ws/chat/1/',
      'acme.localhost',
      ['X-Identity-Tag: a.b.c', 'X-User-Id: 1'],
      401,
    ],
    ['with the key of another tenant', '/ws/chat/1/', 'globex.localhost', [KEY], 403],
    ['below the reserved path', '/.banyan/ws/', 'acme.localhost', [KEY], 404],
    ['at an ambiguous path', '/ws/chat/%2e%2e/', 'acme.localhost', [KEY], 400],
  ])(
    'row-027-websocket-auth: %s is refused before either side hears of it',
    async (_, path, host, lines, status) => {
      const before = relay.count();
      const answer = await ask(knock(path, host, ...lines) + get(newTarget()));
      expect([statusOf(answer), answer.isClosed]).toEqual([status, true]);
      expect(answer.text).toContain('application/problem+json');
      expect(answer.text.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
      expect(relay.count()).toBe(before);
    },
  );

  test('row-027-websocket-auth: with a key is opened for the caller that the door has found', async () => {
    const target = newTarget('/ws/chat/1/');
    const lies = ['X-Tenant-Id: globex', 'X_Tenant_Id: globex', 'X-User-Id: 2', `X-Identity-Tag: ${FORGED}`];

    const answer = await sendRaw(
      house.gatewayPort,
      knock(target, 'acme.localhost', KEY, ...lies),
      '\r\n\r\n',
    );

    expect(statusOf(answer)).toBe(101);
    expect(valuesOf(headOf(answer), 'x-served-by')).toEqual([side]);
    if (side === 'new') return;
    const lines = relay.linesOf(target);
    expect(lines.join('\n')).not.toContain(FORGED);
    expect(valuesOf(lines, 'x-identity-tag')).toHaveLength(1);
    expect(valuesOf(lines, 'x-tenant-id')).toEqual(['acme']);
    expect(valuesOf(lines, 'x-user-id')).toEqual(['1']);
    expect(lines.join('\n')).not.toContain('byn_demo');
  });
});

describe('what legacy says to a handshake', () => {
  test.each([
    ['101', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'],
    ['403', 'HTTP/1.1 403 Forbidden\r\nConnection: X-One-Hop, close\r\nContent-Length: 0\r\n'],
  ])(
    'row-022-replayed-tag: comes back without the tag, and without hop-by-hop headers: %s',
    async (status, head) => {
      const echo = relaySays(
        `${head}X-Identity-Tag: ${FORGED}\r\nX-One-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Other: 2\r\n\r\n`,
      );

      const answer = await ask(
        write(`GET ${newTarget('/ws/chat/1/')} HTTP/1.1`, HOST, KEY, ...handshake(), echo),
      );

      expect(answer.text).toContain(`HTTP/1.1 ${status} `);
      expect(answer.text).not.toContain(FORGED);
      const names = namesOf(headOf(answer));
      expect(names).toContain('x-other');
      expect(names).not.toContain('keep-alive');
      if (status !== '101') expect(names).not.toContain('x-one-hop');
    },
  );
});

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
