import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type TestHouse, until } from '../support/house.ts';
import { sendRaw } from '../support/raw-http.ts';
import {
  AUDIENCE,
  type Claims,
  encode,
  ISSUER,
  type Issuer,
  KID,
  newKeys,
  openIssuer,
  publicJwk,
  sign,
} from './issuer.ts';
import {
  codeOf,
  HOST,
  newTarget,
  type RecordedHouse,
  startRecordedHouse,
  statusOf,
  write,
} from './recorded-house.ts';
import type { RecordingRelay } from './recording-relay.ts';

let issuer: Issuer;
let recorded: RecordedHouse;
let house: TestHouse;
let relay: RecordingRelay;
beforeAll(async () => {
  issuer = await openIssuer();
  recorded = await startRecordedHouse({
    env: { ...issuer.env, LOG_LEVEL: 'debug' },
    legacy: { dashboardMs: 700 },
  });
  ({ house, relay } = recorded);
});
afterAll(async () => {
  await recorded.close();
  issuer.close();
});

const nowS = () => Math.floor(Date.now() / 1000);
const goodClaims = () => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: '1',
  tenant: 'acme',
  scope: 'read write',
  iat: nowS(),
  exp: nowS() + 600,
});
const without = (name: string) =>
  Object.fromEntries(Object.entries(goodClaims()).filter(([claim]) => claim !== name));
const mint = (claims: Claims = goodClaims(), header: object = {}) =>
  sign({ kid: KID, ...header }, claims, issuer.privateKey);

const ask = (target: string, ...lines: readonly string[]) =>
  sendRaw(house.gatewayPort, write(`GET ${target} HTTP/1.1`, HOST, 'Connection: close', ...lines));
const bearer = (token: string) => ask(newTarget(), `Authorization: Bearer ${token}`);

async function expectRefused(token: string, code = 'credential_invalid'): Promise<void> {
  const before = relay.count();
  const answer = await bearer(token);
  expect([statusOf(answer), codeOf(answer)]).toEqual([401, code]);
  expect(answer.text).toMatch(/^WWW-Authenticate: Bearer realm="banyan", error="invalid_token"/m);
  expect(relay.count()).toBe(before);
}

test('a good token and a good key are let in, so that what follows is refused for what is wrong with it', async () => {
  expect(statusOf(await bearer(mint()))).toBe(200);
  expect(statusOf(await bearer(mint(goodClaims(), { kid: undefined })))).toBe(200);
  expect(statusOf(await ask(newTarget(), 'X-API-Key: byn_demo_acme'))).toBe(200);
});

describe('where a credential may stand', () => {
  test.each([
    ['none at all', []],
    ['a bearer of nothing', ['Authorization: Bearer']],
    ['another scheme', ['Authorization: Basic YTpi']],
    ['a key in a header of another name', ['X-Key: byn_demo_acme']],
    ['a key in a cookie', ['Cookie: api_key=byn_demo_acme; token=byn_demo_acme']],
    ['two different keys', ['X-API-Key: byn_demo_acme', 'X-API-Key: byn_demo_globex']],
    ['two different authorizations', ['Authorization: Bearer byn_demo_acme', 'Authorization: Basic YTpi']],
  ])(
    'row-029-credentials: %s is 401 with a challenge, in problem+json, and nothing goes upstream',
    async (_, lines) => {
      const before = relay.count();
      const answer = await ask(newTarget(), ...lines);
      expect(statusOf(answer)).toBe(401);
      expect(answer.text).toMatch(/^WWW-Authenticate: Bearer realm="banyan"/m);
      expect(answer.text).toMatch(/^Content-Type: application\/problem\+json/m);
      expect(relay.count()).toBe(before);
    },
  );

  test('row-029-credentials: one in the URL is never read, under whatever name', async () => {
    for (const name of [
      'access_token',
      'token',
      'api_key',
      'apikey',
      'key',
      'authorization',
      'x-api-key',
      'sessionid',
    ])
      expect(codeOf(await ask(`/api/ai/jobs/?${name}=byn_demo_acme`))).toBe('credential_missing');
    expect(relay.text()).not.toContain('=byn_demo_acme');
  });

  test('row-029-credentials: a key and a token that name two tenants are a contradiction, and so is a host', async () => {
    const both = await ask(newTarget(), `Authorization: Bearer ${mint()}`, 'X-API-Key: byn_demo_globex');
    const other = await bearer(mint({ ...goodClaims(), tenant: 'globex' }));
    expect([codeOf(both), codeOf(other)]).toEqual(['tenant_contradiction', 'tenant_contradiction']);
  });
});

describe('a token', () => {
  const stranger = newKeys();
  const strangersKey = () => publicJwk(stranger.publicKey);
  const hmacWith = (secret: string | Buffer) => {
    const signed = `${encode({ alg: 'HS256', typ: 'JWT', kid: KID })}.${encode(goodClaims())}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const pem = () => issuer.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const der = () => issuer.publicKey.export({ type: 'spki', format: 'der' });

  test.each([
    ['alg none', () => `${encode({ alg: 'none' })}.${encode(goodClaims())}.`],
    ['alg none with a signature', () => mint(goodClaims(), { alg: 'none' })],
    ['alg NONE', () => mint(goodClaims(), { alg: 'NONE' })],
    ['no alg', () => mint(goodClaims(), { alg: undefined })],
    [
      'alg by prototype',
      () => `${encode('{"__proto__":{"alg":"ES256"}}')}.${mint().split('.').slice(1).join('.')}`,
    ],
    ['the public PEM taken for a secret', () => hmacWith(pem())],
    ['the public DER taken for a secret', () => hmacWith(der())],
    ['an empty secret', () => hmacWith('')],
    [
      'a key of its own in jwk',
      () => sign({ kid: KID, jwk: strangersKey() }, goodClaims(), stranger.privateKey),
    ],
    [
      'a key of its own at jku',
      () => sign({ kid: KID, jku: `${issuer.url}/evil` }, goodClaims(), stranger.privateKey),
    ],
    [
      'a key of its own at x5u',
      () => sign({ kid: KID, x5u: `${issuer.url}/evil` }, goodClaims(), stranger.privateKey),
    ],
    ['a certificate of its own', () => sign({ kid: KID, x5c: ['abc'] }, goodClaims(), stranger.privateKey)],
    ['somebody else’s signature', () => sign({ kid: KID }, goodClaims(), stranger.privateKey)],
    ['a kid that is a path', () => mint(goodClaims(), { kid: '../../../../dev/null' })],
    ['a kid with SQL', () => mint(goodClaims(), { kid: "' UNION SELECT 'secret" })],
    ['a kid with a command', () => mint(goodClaims(), { kid: '$(touch /tmp/x)|id' })],
    ['the kid __proto__', () => mint(goodClaims(), { kid: '__proto__' })],
    ['the kid constructor', () => mint(goodClaims(), { kid: 'constructor' })],
    ['a kid that is an object', () => mint(goodClaims(), { kid: { toString: KID } })],
    ['a kid of 1 KiB', () => mint(goodClaims(), { kid: 'k'.repeat(1024) })],
  ])('row-030-algorithm-and-key: with %s is refused', async (_, token) => {
    await expectRefused(token());
  });

  test('row-030-algorithm-and-key: makes the gateway fetch nothing but the keys of its issuer', () => {
    expect(new Set(issuer.asked)).toEqual(new Set(['/keys']));
    // Unknown kids ask again, but not each of them.
    expect(issuer.asked.length).toBeLessThanOrEqual(3);
  });

  test.each([
    ['crit', { crit: ['exp'] }],
    ['an unknown crit', { crit: ['x-unknown'], 'x-unknown': true }],
    ['an empty crit', { crit: [] }],
    ['b64', { b64: false, crit: ['b64'] }],
    ['b64 without crit', { b64: true }],
    ['zip', { zip: 'DEF' }],
    ['enc', { enc: 'A256GCM' }],
  ])(
    'row-031-unknown-extensions: with %s in its header is refused, however well it is signed',
    async (_, header) => {
      await expectRefused(mint(goodClaims(), header));
    },
  );

  const claims = goodClaims();
  test.each([
    ['no exp', without('exp')],
    ['no aud', without('aud')],
    ['no iss', without('iss')],
    ['no sub', without('sub')],
    ['no iat', without('iat')],
    ['no tenant', without('tenant')],
    ['another audience', { ...claims, aud: 'legacy' }],
    ['another issuer', { ...claims, iss: 'banyan' }],
    ['an exp that is text', { ...claims, exp: '9999999999' }],
    ['a life of ten years', { ...claims, exp: claims.iat + 315_360_000 }],
    ['a life of a day and a second', { ...claims, exp: claims.iat + 86_401 }],
    ['an iat more than a minute ahead', { ...claims, iat: nowS() + 90, exp: nowS() + 600 }],
    ['an nbf more than a minute ahead', { ...claims, nbf: nowS() + 90 }],
    ['claims that are a list', [claims]],
  ] as const)('row-032-claims-and-life: with %s is refused', async (_, odd) => {
    await expectRefused(mint(odd));
  });

  test.each(['banyan-tag+jwt', 'id+jwt', 'dpop+jwt', 'JWE', 7])(
    'row-032-claims-and-life: of type %p is refused',
    async (typ) => {
      await expectRefused(mint(goodClaims(), { typ }));
    },
  );

  test('row-032-claims-and-life: past its end by more than a minute has expired', async () => {
    await expectRefused(mint({ ...goodClaims(), iat: nowS() - 700, exp: nowS() - 61 }), 'credential_expired');
  });

  test.each([
    ['a list', ['acme']],
    ['an object', { name: 'acme' }],
    ['a number', 1],
    ['true', true],
    ['null', null],
    ['empty', ''],
    ['SQL', "acme' OR '1'='1"],
    ['a line break and a header', 'acme\r\nX-User-Id: 2'],
    ['a NUL', 'acme\0'],
    ['a path', '../acme'],
    ['__proto__', '__proto__'],
    ['capitals', 'ACME'],
    ['look-alikes', '\u0430cme'],
    ['64 letters', 'a'.repeat(64)],
  ])('row-033-tenant-claim: whose tenant is %s is refused', async (_, tenant) => {
    await expectRefused(mint({ ...goodClaims(), tenant }));
  });

  test.each(['0', '-1', '1e3', '1.0', ' 1', '01', '1 OR 1=1', '2147483648', '1\r\n', ''])(
    'row-033-tenant-claim: whose user is %p is refused',
    async (sub) => {
      await expectRefused(mint({ ...goodClaims(), sub }));
    },
  );

  test('row-033-tenant-claim: whose tenant stands in the prototype only is refused', async () => {
    await expectRefused(
      mint(JSON.stringify(without('tenant')).replace('{', '{"__proto__":{"tenant":"acme"},')),
    );
  });
});

describe('a credential that was good', () => {
  const createKey = async () =>
    (await (
      await house.admin('POST', '/api/keys', { tenant: 'acme', user: 1, scopes: ['read'] })
    ).json()) as {
      key: string;
      record: { id: string };
    };

  test('row-034-revoked-meanwhile: a key taken back while its request is under way lets that one end, and no other', async () => {
    const { key, record } = await createKey();
    const path = '/api/dashboard/summary/';
    expect((await house.call('acme', 'GET', path, { key })).status).toBe(200);

    const underWay = house.call('acme', 'GET', path, { key });
    expect((await house.admin('POST', `/api/keys/${record.id}/revoke`)).status).toBe(200);
    await until(
      async () => (await house.call('acme', 'GET', '/api/ai/jobs/', { key })).status === 401,
      'the key to be refused',
      2_000,
    );

    expect((await underWay).status).toBe(200);
  });

  test('row-034-revoked-meanwhile: a token is refused at the end of its time, although it was believed a moment ago', async () => {
    const token = mint({ ...goodClaims(), iat: nowS() - 600, exp: nowS() - 58 });
    expect(statusOf(await bearer(token))).toBe(200);
    const isExpired = async () => codeOf(await bearer(token)) === 'credential_expired';
    await until(isExpired, 'the token to expire', 4_000);
  });
});

describe('what is logged', () => {
  const ESCAPE = '\u001b[31m';
  const HOSTILE = 'hostile\u009b31m\u2028{"level":"error","event":"forged"}';

  test('row-036-log-injection: nothing that a stranger says can end a line, colour a terminal, or forge an entry', async () => {
    const before = house.log.length;
    await ask(
      newTarget(),
      'X-API-Key: byn_demo_acme',
      `X-Request-Id: forged"}\u0085{"event":"forged`,
      'User-Agent: \x9b31m forged',
    );
    await ask(`/forged/${encodeURIComponent(HOSTILE)}/?forged=%0a%1b`, 'X-API-Key: byn_demo_acme');
    await ask(newTarget(), `Authorization: Bearer ${ESCAPE}forged`);
    await bearer(mint({ ...goodClaims(), jti: `forged\n${HOSTILE}`, scope: 'forged' }));
    await bearer(mint({ ...goodClaims(), tenant: `forged\n${HOSTILE}` }));
    await sendRaw(house.gatewayPort, `GET / HTTP/1.1\r\nHost: forged\x1b[31m\r\n\r\n`);
    await sendRaw(house.gatewayPort, `F\x1bORGED / HTTP/1.1\r\nHost: acme.localhost\r\n\r\n`);
    const flip = { subject: 'ai', stage: 'shadow', reason: HOSTILE, author: 'ada' };
    expect((await house.admin('POST', '/api/flips', flip)).status).toBe(201);

    const lines = house.log.slice(before);
    expect(lines.length).toBeGreaterThanOrEqual(6);
    for (const line of lines) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      expect(line.replace(/\n$/, '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      expect(JSON.parse(line)).toMatchObject({ event: expect.not.stringMatching(/^forged$/) });
    }
    const told = lines.map((line) => JSON.parse(line)).find(({ event }) => event === 'flip_made');
    expect(told).toMatchObject({ reason: HOSTILE });
    expect(lines.filter((line) => !line.includes('flip_made')).join('\n')).not.toContain('forged');
  });
});
