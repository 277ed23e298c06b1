import {
  createHmac,
  createSign,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { type Admit, type JwtRules, JwtRulesRefusal } from '../../../src/admit/index.ts';
import { listIdentity } from '../../support/identity.ts';
import { arriveAt, openRoom, stoppedClock, tenant } from './support.ts';
import { type Caller, type Failure, isFailure } from './words.ts';

const open: Admit[] = [];
afterEach(() => {
  for (const admit of open.splice(0)) admit.close();
});

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const otherEc = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string;
const PEM = pem(ec.publicKey);

const clock = stoppedClock();
const nowS = () => Math.floor(clock.wallMs() / 1000);
const RULES: JwtRules = {
  issuer: 'https://id.example',
  audience: 'workspace',
  algorithms: ['ES256'],
  trust: { kind: 'public_key', pem: PEM },
};

function room(jwt: JwtRules | undefined = RULES) {
  const opened = openRoom({ jwt, clock, demoKeys: 'refused' });
  open.push(opened.admit);
  return opened.admit;
}

const b64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const goodClaims = () => ({
  iss: 'https://id.example',
  aud: 'workspace',
  sub: '7',
  tenant: 'acme',
  scope: 'read write',
  iat: nowS(),
  exp: nowS() + 3600,
});
type Claims = Record<string, unknown> | string | unknown[];

function mint(
  claims: Claims = goodClaims(),
  header: Record<string, unknown> = {},
  key: KeyObject = ec.privateKey,
): string {
  const signed = `${b64({ alg: 'ES256', typ: 'JWT', ...header })}.${b64(claims)}`;
  const signature = createSign('sha256').update(signed).sign({ key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
const without = (name: string) =>
  Object.fromEntries(Object.entries(goodClaims()).filter(([claim]) => claim !== name));

/** Waits for what happens behind the scenes; fails after two seconds. */
async function until(happened: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (!(await happened())) {
    if (performance.now() > deadline) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const asked = (admit: Admit, token: string) =>
  admit.identify(
    arriveAt(admit, { headers: ['Host', 'localhost', 'Authorization', `Bearer ${token}`] }),
    'required',
  );
const said = (caller: Caller | Failure) => (isFailure(caller) ? caller.code : caller.kind);
const answer = async (admit: Admit, token: string) => said(await asked(admit, token));

describe('a good token', () => {
  test('names tenant, user and scopes, at once', () => {
    expect(asked(room(), mint({ ...goodClaims(), jti: 'token-1' }))).toEqual({
      kind: 'known',
      tenant: 'acme',
      user: 7,
      scopes: ['read', 'write'],
      by: 'jwt',
      credentialId: 'token-1',
    });
  });

  test.each([
    ['no typ', mint(goodClaims(), { typ: undefined }), 'known'],
    ['the typ of an access token', mint(goodClaims(), { typ: 'at+JWT' }), 'known'],
    ['a certificate’s thumbprint', mint(goodClaims(), { x5t: 'abc' }), 'known'],
    ['several audiences', mint({ ...goodClaims(), aud: ['other', 'workspace'] }), 'known'],
    ['scp instead of scope', mint({ ...without('scope'), scp: 'read' }), 'known'],
    ['no scope', mint(without('scope')), 'known'],
    ['an end a minute ago, within the skew', mint({ ...goodClaims(), exp: nowS() - 59 }), 'known'],
    ['a beginning in a minute, within the skew', mint({ ...goodClaims(), nbf: nowS() + 59 }), 'known'],
  ])('may have %s', async (_name, token, expected) => {
    expect(await answer(room(), token)).toBe(expected);
  });

  test('without an id of its own is named by its hash', async () => {
    expect(await asked(room(), mint())).toMatchObject({
      credentialId: expect.stringMatching(/^jwt_[0-9a-f]{12}$/),
    });
    expect(await asked(room(), mint({ ...goodClaims(), jti: 'a\nforged log line' }))).toMatchObject({
      credentialId: expect.stringMatching(/^jwt_/),
    });
  });

  test('can name tenant and user in claims of other names', async () => {
    const admit = room({ ...RULES, claims: { tenant: 'org', user: 'user_id' } });

    expect(
      await asked(admit, mint({ ...without('tenant'), sub: 'auth0|x', org: 'globex', user_id: 12 })),
    ).toMatchObject({
      tenant: 'globex',
      user: 12,
    });
  });
});

describe('a token is refused for its header', () => {
  const claims = goodClaims();
  const secretIsPublicKey = () => {
    const signed = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64(claims)}`;
    return `${signed}.${createHmac('sha256', PEM).update(signed).digest('base64url')}`;
  };
  test.each([
    ['alg none, unsigned', `${b64({ alg: 'none' })}.${b64(claims)}.`],
    ['alg none, signed', mint(claims, { alg: 'none' })],
    ['alg None', mint(claims, { alg: 'None' })],
    ['no alg', mint(claims, { alg: undefined })],
    ['a list of algs', mint(claims, { alg: ['ES256'] })],
    ['the public key taken as a secret', secretIsPublicKey()],
    ['an algorithm that is not listed', mint(claims, { alg: 'ES384' })],
    ['an algorithm of another key', mint(claims, { alg: 'RS256' })],
    ['crit', mint(claims, { crit: ['exp'], exp: 1 })],
    ['b64', mint(claims, { b64: true })],
    ['zip', mint(claims, { zip: 'DEF' })],
    ['jku', mint(claims, { jku: 'https://evil.example/jwks' })],
    ['jwk', mint(claims, { jwk: otherEc.publicKey.export({ format: 'jwk' }) }, otherEc.privateKey)],
    ['x5u', mint(claims, { x5u: 'https://evil.example/cert' })],
    ['x5c', mint(claims, { x5c: ['abc'] })],
    ['the typ of our own tag', mint(claims, { typ: 'banyan-tag+jwt' })],
    ['the typ of an id token', mint(claims, { typ: 'id+jwt' })],
    ['a typ that is no string', mint(claims, { typ: 1 })],
    ['a kid that is no string', mint(claims, { kid: { a: 1 } })],
    ['a header that is a list', `${b64([])}.${b64(claims)}.AA`],
    ['a header that is no JSON', `${b64('nonsense')}.${b64(claims)}.AA`],
    ['two parts', mint().split('.').slice(0, 2).join('.')],
    ['four parts', `${mint()}.AA`],
    ['five parts', 'a.b.c.d.e'],
    ['padding', `${mint()}=`],
    ['an empty signature', mint().replace(/[^.]+$/, '')],
    ['a changed signature', mint().replace(/.{8}$/, 'AAAAAAAA')],
    ['somebody else’s signature', mint(claims, {}, otherEc.privateKey)],
    [
      'a signature in DER',
      (() => {
        const signed = mint().split('.').slice(0, 2).join('.');
        return `${signed}.${createSign('sha256').update(signed).sign(ec.privateKey).toString('base64url')}`;
      })(),
    ],
    ['nothing', ''],
  ])('%s', async (_name, token) => {
    expect(await answer(room(), token)).toBe('credential_invalid');
  });

  test('or for being larger than 8 KiB', async () => {
    expect(await answer(room(), mint({ ...goodClaims(), filler: 'x'.repeat(8_000) }))).toBe(
      'credential_invalid',
    );
  });
});

describe('a token is refused for its claims', () => {
  const claims = goodClaims();
  test.each([
    ['no iss', without('iss'), 'credential_invalid'],
    ['another iss', { ...claims, iss: 'https://evil.example' }, 'credential_invalid'],
    ['a list of iss', { ...claims, iss: ['https://id.example'] }, 'credential_invalid'],
    ['no aud', without('aud'), 'credential_invalid'],
    ['another aud', { ...claims, aud: 'other' }, 'credential_invalid'],
    ['no sub', without('sub'), 'credential_invalid'],
    ['a sub that is a number', { ...claims, sub: 7 }, 'credential_invalid'],
    ['a sub that is no user', { ...claims, sub: 'auth0|7' }, 'credential_invalid'],
    ['a sub of zero', { ...claims, sub: '0' }, 'credential_invalid'],
    ['a sub past int4', { ...claims, sub: '2147483648' }, 'credential_invalid'],
    ['a sub with SQL', { ...claims, sub: '1 OR 1=1' }, 'credential_invalid'],
    ['no exp', without('exp'), 'credential_invalid'],
    ['an exp that is text', { ...claims, exp: '9999999999' }, 'credential_invalid'],
    ['an exp long gone', { ...claims, exp: nowS() - 60 }, 'credential_expired'],
    ['no iat', without('iat'), 'credential_invalid'],
    ['an iat in the future', { ...claims, iat: nowS() + 61 }, 'credential_invalid'],
    ['a life of more than a day', { ...claims, exp: claims.iat + 86_401 }, 'credential_invalid'],
    ['a life of ten years', { ...claims, exp: claims.iat + 315_360_000 }, 'credential_invalid'],
    ['an nbf in the future', { ...claims, nbf: nowS() + 61 }, 'credential_invalid'],
    ['an nbf that is text', { ...claims, nbf: '0' }, 'credential_invalid'],
    ['no tenant', without('tenant'), 'credential_invalid'],
    ['a list of tenants', { ...claims, tenant: ['acme'] }, 'credential_invalid'],
    ['a tenant that is an object', { ...claims, tenant: { name: 'acme' } }, 'credential_invalid'],
    ['a tenant with SQL', { ...claims, tenant: "acme'--" }, 'credential_invalid'],
    ['a tenant with a line break', { ...claims, tenant: 'acme\r\nX-User-Id: 1' }, 'credential_invalid'],
    ['a tenant in capitals', { ...claims, tenant: 'ACME' }, 'credential_invalid'],
    ['an empty tenant', { ...claims, tenant: '' }, 'credential_invalid'],
    ['a null tenant', { ...claims, tenant: null }, 'credential_invalid'],
    [
      'a tenant by prototype',
      JSON.stringify(without('tenant')).replace('{', '{"__proto__":{"tenant":"acme"},'),
      'credential_invalid',
    ],
    ['a scope of the gateway’s own', { ...claims, scope: 'read banyan.session' }, 'credential_invalid'],
    ['a list of scopes', { ...claims, scope: ['read'] }, 'credential_invalid'],
    [
      'a thousand scopes',
      { ...claims, scope: Array.from({ length: 1000 }, (_, i) => `s${i}`).join(' ') },
      'credential_invalid',
    ],
    ['claims that are a list', [], 'credential_invalid'],
    ['claims that are text', '"text"', 'credential_invalid'],
    ['claims that are null', 'null', 'credential_invalid'],
  ] as [string, Claims, string][])('%s', async (_name, odd, code) => {
    expect(await answer(room(), mint(odd))).toBe(code);
  });
});

describe('a token that was good', () => {
  test('is believed for a minute, never past its end', async () => {
    const admit = room();
    const token = mint({ ...goodClaims(), exp: nowS() + 30 });
    const first = asked(admit, token);

    expect(asked(admit, token)).toBe(first);
    clock.pass(89_000);
    expect(await answer(admit, token)).toBe('known');
    clock.pass(1_000);
    expect(await answer(admit, token)).toBe('credential_expired');
  });
});

test('without rules no token is accepted', async () => {
  expect(await answer(room({ ...RULES, issuer: 'https://other.example' }), mint())).toBe(
    'credential_invalid',
  );
  const { admit } = openRoom({});
  open.push(admit);
  expect(await answer(admit, mint())).toBe('credential_invalid');
});

test('our own tag is no credential, even where its key were trusted', async () => {
  const issuing = room();
  const arrival = arriveAt(issuing, {});
  const lines = listIdentity(issuing.identity(arrival, { kind: 'anonymous', tenant: tenant('acme') }, 'new'));

  expect(await answer(issuing, lines[lines.indexOf('X-Identity-Tag') + 1] ?? '')).toBe('credential_invalid');
});

describe('rules under which nothing could be trusted are refused', () => {
  const smallRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
  test.each([
    ['no algorithm', { algorithms: [] }, /at least one algorithm/],
    ['none', { algorithms: ['none'] }, /no algorithm for JWTs/],
    ['a secret algorithm with a public key', { algorithms: ['ES256', 'HS256'] }, /do not mix/],
    ['a public algorithm with a secret', { trust: { kind: 'secret', secret: 's'.repeat(32) } }, /do not mix/],
    [
      'a short secret',
      { algorithms: ['HS256'], trust: { kind: 'secret', secret: 'short' } },
      /shorter than 32 bytes/,
    ],
    ['no audience', { audience: '' }, /name both/],
    ['a key that is no PEM', { trust: { kind: 'public_key', pem: 'nonsense' } }, /cannot be used/],
    ['a weak key', { trust: { kind: 'public_key', pem: pem(smallRsa.publicKey) } }, /2048 bits/],
    ['keys over plain HTTP', { trust: { kind: 'jwks', url: 'http://id.example/jwks' } }, /must be https/],
    [
      'keys with a password in the address',
      { trust: { kind: 'jwks', url: 'https://a:b@id.example/' } },
      /without user and password/,
    ],
    ['keys from a file', { trust: { kind: 'jwks', url: 'file:///etc/passwd' } }, /must be https/],
  ])('%s', (_name, change, why) => {
    const attempt = () => room({ ...RULES, ...(change as Partial<JwtRules>) });

    expect(attempt).toThrow(JwtRulesRefusal);
    expect(attempt).toThrow(why);
  });

  test('while a long secret is fine', async () => {
    const secret = 's'.repeat(32);
    const admit = room({ ...RULES, algorithms: ['HS256'], trust: { kind: 'secret', secret } });
    const signed = `${b64({ alg: 'HS256' })}.${b64(goodClaims())}`;

    expect(
      await answer(admit, `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`),
    ).toBe('known');
  });
});

describe('keys that an issuer publishes', () => {
  type Issuer = { keys: unknown; status: number; asked: number; body: string | undefined };
  const issuer: Issuer = { keys: [], status: 200, asked: 0, body: undefined };
  const server = createServer((_req, res) => {
    issuer.asked++;
    res.writeHead(issuer.status, issuer.status === 302 ? { location: '/' } : {});
    res.end(issuer.body ?? JSON.stringify({ keys: issuer.keys }));
  });
  const listening = new Promise<string>((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`),
    ),
  );
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const jwk = (key: KeyObject, more: object) => ({
    ...(key.export({ format: 'jwk' }) as JsonWebKey),
    ...more,
  });
  const publish = (keys: unknown, more: Partial<Issuer> = {}) =>
    Object.assign(issuer, { status: 200, asked: 0, body: undefined, ...more, keys });
  const trusting = async () =>
    room({ ...RULES, algorithms: ['ES256', 'RS256'], trust: { kind: 'jwks', url: await listening } });
  const one = jwk(ec.publicKey, { kid: 'one', alg: 'ES256', use: 'sig' });
  const two = jwk(otherEc.publicKey, { kid: 'two' });

  test('are fetched once and chosen by kid', async () => {
    publish([one, two]);
    const admit = await trusting();

    const answers = await Promise.all([
      answer(admit, mint(goodClaims(), { kid: 'one' })),
      answer(admit, mint(goodClaims(), { kid: 'two' }, otherEc.privateKey)),
      answer(admit, mint(goodClaims(), { kid: 'one' }, otherEc.privateKey)),
      answer(admit, mint(goodClaims(), { kid: '../../one' })),
      answer(admit, mint(goodClaims(), { kid: '__proto__' })),
      answer(admit, mint(goodClaims(), {})),
    ]);

    expect(answers).toEqual(['known', 'known', ...Array(4).fill('credential_invalid')]);
    expect(issuer.asked).toBe(1);
    expect(asked(admit, mint({ ...goodClaims(), jti: 'x' }, { kid: 'one' }))).not.toBeInstanceOf(Promise);
  });

  test('need no kid while there is only one', async () => {
    publish([{ ...one, kid: undefined }]);

    expect(await answer(await trusting(), mint())).toBe('known');
  });

  test('are asked for again when a new kid comes, but strangers cannot make us ask often', async () => {
    publish([one]);
    const admit = await trusting();
    await answer(admit, mint(goodClaims(), { kid: 'one' }));
    publish([one, two]);

    for (let i = 0; i < 20; i++) await answer(admit, mint(goodClaims(), { kid: `guess-${i}` }));
    expect(issuer.asked).toBe(0);

    clock.pass(10_000);
    expect(await answer(admit, mint(goodClaims(), { kid: 'two' }, otherEc.privateKey))).toBe('known');
    expect(issuer.asked).toBe(1);
  });

  test.each([
    ['an error', [], { status: 500 }],
    ['an empty set', [], {}],
    ['no JSON', [], { body: '<html>' }],
    ['too much', [], { body: 'x'.repeat(300_000) }],
    ['a redirect', [], { status: 302 }],
  ])('stay as they were when the issuer answers %s', async (_name, keys, more) => {
    publish([one]);
    const admit = await trusting();
    await answer(admit, mint(goodClaims(), { kid: 'one' }));
    publish(keys, more);
    clock.pass(600_001);

    await answer(admit, mint({ ...goodClaims(), jti: 'a' }, { kid: 'one' }));
    await until(async () => issuer.asked === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await answer(admit, mint({ ...goodClaims(), jti: 'b' }, { kid: 'one' }))).toBe('known');
  });

  test('are forgotten when the issuer withdraws them', async () => {
    publish([one, two]);
    const admit = await trusting();
    await answer(admit, mint(goodClaims(), { kid: 'one' }));
    publish([two]);
    clock.pass(600_001);
    await answer(admit, mint({ ...goodClaims(), jti: 'a' }, { kid: 'one' }));
    const withdrawn = async () =>
      (await answer(admit, mint({ ...goodClaims(), jti: randomUUID() }, { kid: 'one' }))) ===
      'credential_invalid';
    await until(withdrawn);
  });

  test('that were withdrawn during a quiet hour are not believed once more', async () => {
    publish([one, two]);
    const admit = await trusting();
    await answer(admit, mint(goodClaims(), { kid: 'one' }));
    publish([two]);
    clock.pass(3_600_000);

    expect(await answer(admit, mint(goodClaims(), { kid: 'one' }))).toBe('credential_invalid');
  });

  test('that were never had are our fault, not the caller’s', async () => {
    publish([], { status: 503 });

    expect(await asked(await trusting(), mint())).toMatchObject({
      code: 'issuer_unreachable',
      status: 503,
      retrySafe: true,
    });
  });

  test.each([
    ['a secret', { kty: 'oct', k: b64('s'.repeat(32)), kid: 'one' }],
    ['a private key', jwk(ec.privateKey, { kid: 'one' })],
    ['a key for encryption', { ...one, use: 'enc' }],
    ['a key for signing only', { ...one, key_ops: ['sign'] }],
    ['a key of another algorithm', { ...one, alg: 'RS256' }],
    ['a weak key', jwk(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, { kid: 'one' })],
    ['no key', null],
    ['half a key', { kty: 'EC', crv: 'P-256', x: 'AA', kid: 'one' }],
  ])('never are %s', async (_name, odd) => {
    publish([odd, jwk(rsa.publicKey, { kid: 'rsa' })]);

    expect(await answer(await trusting(), mint(goodClaims(), { kid: 'one' }))).toBe('credential_invalid');
  });
});
