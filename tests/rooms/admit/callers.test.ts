import { generateKeyPairSync } from 'node:crypto';
import { afterAll, describe, expect, test } from '@jest/globals';
import jsonwebtoken from 'jsonwebtoken';
import { createApiKey } from '../../../src/admit/index.ts';
import { challenge } from '../../../src/vocabulary/index.ts';
import { arriveAt, keyBookOf, openRoom, tenant, user } from './support.ts';
import { type AdmitPolicy, fail, isFailure } from './words.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const made = (of: string, id: number) =>
  createApiKey({
    env: 'live',
    tenant: tenant(of),
    user: user(id),
    scopes: ['read'],
    label: '',
    expiresAt: undefined,
  });
const [acmeKey, acmeKey2, globexKey] = [made('acme', 1), made('acme', 2), made('globex', 9)];
const token = (of: string, sub: string) =>
  jsonwebtoken.sign({ tenant: of }, privateKey, {
    algorithm: 'ES256',
    issuer: 'i',
    audience: 'a',
    subject: sub,
    expiresIn: 60,
  });

const SESSION = 'abcdefgh12345678abcdefgh12345678';
const { admit, events } = openRoom({
  keys: keyBookOf(acmeKey.record, acmeKey2.record, globexKey.record),
  jwt: {
    issuer: 'i',
    audience: 'a',
    algorithms: ['ES256'],
    trust: { kind: 'public_key', pem: publicKey.export({ type: 'spki', format: 'pem' }) as string },
  },
  askLegacySession: async ({ sessionKey }) =>
    sessionKey === SESSION ? { user: user(5), expiresAt: new Date(Date.now() + 3_600_000) } : undefined,
});
afterAll(() => admit.close());

const ACME = 'acme.localhost:8080';
const NO_TENANT = 'localhost:8080';
const bearer = (secret: string) => ['Authorization', `Bearer ${secret}`];
const apiKey = (secret: string) => ['X-API-Key', secret];
const cookie = (key: string) => ['Cookie', `sessionid=${key}`];
const BAD_KEY = `${acmeKey.key.slice(0, -1)}${acmeKey.key.endsWith('0') ? '1' : '0'}`;

/** A failure's code, or `tenant/user by means`. */
async function outcome(host: string, policy: AdmitPolicy, ...lines: string[][]): Promise<string> {
  const caller = await admit.identify(arriveAt(admit, { headers: ['Host', host, ...lines.flat()] }), policy);
  if (isFailure(caller)) return caller.code;
  return caller.kind === 'known'
    ? `${caller.tenant}/${caller.user} by ${caller.by}`
    : `${caller.tenant ?? 'none'}/nobody`;
}

describe('who may come in', () => {
  const nothing: string[][] = [];
  test.each([
    // credentials                                   public               optional             required
    [nothing, 'acme/nobody', 'acme/nobody', 'credential_missing'],
    [[cookie('stale-session-key-1234')], 'acme/nobody', 'acme/nobody', 'credential_missing'],
    [[bearer(BAD_KEY)], 'acme/nobody', 'credential_invalid', 'credential_invalid'],
    [[bearer('rubbish')], 'acme/nobody', 'credential_invalid', 'credential_invalid'],
    [[bearer('')], 'acme/nobody', 'credential_invalid', 'credential_invalid'],
    [[apiKey('')], 'acme/nobody', 'credential_invalid', 'credential_invalid'],
    [[apiKey(token('acme', '1'))], 'acme/nobody', 'credential_invalid', 'credential_invalid'],
    [[['Authorization', 'Basic YTpi']], 'acme/nobody', 'acme/nobody', 'credential_missing'],
    [[bearer(acmeKey.key)], 'acme/1 by api_key', 'acme/1 by api_key', 'acme/1 by api_key'],
    [[apiKey(acmeKey.key)], 'acme/1 by api_key', 'acme/1 by api_key', 'acme/1 by api_key'],
    [[bearer(token('acme', '3'))], 'acme/3 by jwt', 'acme/3 by jwt', 'acme/3 by jwt'],
    [[cookie(SESSION)], 'acme/5 by session', 'acme/5 by session', 'acme/5 by session'],
    [[bearer(BAD_KEY), cookie(SESSION)], 'acme/5 by session', 'credential_invalid', 'credential_invalid'],
    [[bearer(acmeKey.key), apiKey(BAD_KEY)], 'acme/1 by api_key', 'credential_invalid', 'credential_invalid'],
    [[bearer(globexKey.key)], ...Array(3).fill('tenant_contradiction')],
    [[bearer(token('globex', '3'))], ...Array(3).fill('tenant_contradiction')],
  ] as [string[][], string, string, string][])(
    '%#: with %j',
    async (lines, whenPublic, whenOptional, whenRequired) => {
      expect(await outcome(ACME, 'public', ...lines)).toBe(whenPublic);
      expect(await outcome(ACME, 'optional', ...lines)).toBe(whenOptional);
      expect(await outcome(ACME, 'required', ...lines)).toBe(whenRequired);
    },
  );
});

describe('of several credentials', () => {
  test('the first in order names the user: bearer, then key, then session', async () => {
    expect(await outcome(ACME, 'required', apiKey(acmeKey2.key), bearer(acmeKey.key), cookie(SESSION))).toBe(
      'acme/1 by api_key',
    );
    expect(await outcome(ACME, 'required', cookie(SESSION), apiKey(acmeKey2.key))).toBe('acme/2 by api_key');
    expect(await outcome(ACME, 'required', apiKey(acmeKey2.key), bearer(token('acme', '3')))).toBe(
      'acme/3 by jwt',
    );
  });

  test('all must name one tenant, whatever the host says', async () => {
    expect(await outcome(NO_TENANT, 'required', bearer(acmeKey.key), apiKey(globexKey.key))).toBe(
      'tenant_contradiction',
    );
    expect(await outcome(NO_TENANT, 'public', bearer(token('globex', '1')), apiKey(acmeKey.key))).toBe(
      'tenant_contradiction',
    );
  });
});

test('a credential names its tenant where the host names none', async () => {
  expect(await outcome(NO_TENANT, 'required', bearer(globexKey.key))).toBe('globex/9 by api_key');
  expect(await outcome(NO_TENANT, 'optional')).toBe('none/nobody');
  expect(await outcome(NO_TENANT, 'required', cookie(SESSION))).toBe('credential_missing');
});

test('a caller who is known already is answered at once', async () => {
  await outcome(ACME, 'required', bearer(acmeKey.key));

  expect(
    admit.identify(arriveAt(admit, { headers: ['Host', ACME, ...bearer(acmeKey.key)] }), 'required'),
  ).toMatchObject({
    kind: 'known',
  });
});

test('no secret stands in any event, failure or caller', async () => {
  const secrets = [acmeKey.key, globexKey.key, BAD_KEY, token('acme', '3'), SESSION];
  const results = await Promise.all(
    secrets.flatMap((secret) =>
      [bearer(secret), apiKey(secret), cookie(secret)].map((lines) =>
        admit.identify(arriveAt(admit, { headers: ['Host', ACME, ...lines] }), 'required'),
      ),
    ),
  );

  const told = JSON.stringify([events, results]);
  for (const secret of secrets) expect(told).not.toContain(secret.slice(-20));
});

describe('the challenge of a 401', () => {
  test.each([
    ['credential_missing', 'Bearer realm="banyan"'],
    [
      'credential_expired',
      'Bearer realm="banyan", error="invalid_token", error_description="The credential was good once.',
    ],
  ] as const)('for %s begins %s', (code, expected) => {
    expect(challenge(fail(code))?.startsWith(expected)).toBe(true);
  });

  test('cannot be broken out of, and is none for other failures', () => {
    expect(challenge(fail('credential_invalid', { detail: 'a "b"\r\nSet-Cookie: c\\' }))).toBe(
      `Bearer realm="banyan", error="invalid_token", error_description="a 'b'''Set-Cookie: c'"`,
    );
    expect(challenge(fail('tenant_contradiction'))).toBeUndefined();
  });
});
