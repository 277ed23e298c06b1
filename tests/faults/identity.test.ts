import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type TestHouse, tableAt } from '../support/house.ts';
import { sendRaw } from '../support/raw-http.ts';
import {
  FORGED,
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

let recorded: RecordedHouse;
let house: TestHouse;
let relay: RecordingRelay;
beforeAll(async () => {
  recorded = await startRecordedHouse();
  ({ house, relay } = recorded);
});
afterAll(() => recorded.close());

const ask = (bytes: string) => sendRaw(house.gatewayPort, bytes);
const expectRefused = async (bytes: string, status: number, code: string) =>
  expect(await refusalOf(recorded, bytes)).toEqual({ status, code, isClosed: true, wentUp: 0 });

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

describe.each(['legacy', 'new'] as const)('a WebSocket to the %s side', (side) => {
  beforeAll(() => house.useTable(tableAt(side)));
  afterAll(() => house.useTable(tableAt('legacy')));

  const knock = (path: string, host: string, ...lines: readonly string[]) =>
    write(`GET ${path} HTTP/1.1`, `Host: ${host}`, ...HANDSHAKE, ...lines);

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
        write(`GET ${newTarget('/ws/chat/1/')} HTTP/1.1`, HOST, KEY, ...HANDSHAKE, echo),
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
