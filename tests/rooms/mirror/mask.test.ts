import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { FoundDifference, FoundValue } from '../../../src/mirror/compare/index.ts';
import { isSecretName, isSecretPath, looksSecret, openMask } from '../../../src/mirror/mask/index.ts';
import {
  DEFAULT_MIRROR_RULES,
  type DifferenceKind,
  type MirrorRules,
} from '../../../src/vocabulary/index.ts';
import { answer, compareAnswers, compareJson, findDifferences } from './compare-answers.ts';

const KEY = new Uint8Array(32).fill(7);
const mask = openMask(KEY);

function found(value: unknown): FoundValue {
  const [one] = findDifferences(compareJson({ v: value }, {}));
  if (!one) throw new Error('The example must differ.');
  return one.legacy;
}
const shape = (value: unknown, path = '/v', scope = '') => mask.shape(found(value), path, scope);
function difference(path: string, legacy: FoundValue, fresh: FoundValue, rules: Partial<MirrorRules> = {}) {
  const kind: DifferenceKind = 'value';
  const one: FoundDifference = { path, kind, legacy, new: fresh, count: 1 };
  return mask.difference(one, { ...DEFAULT_MIRROR_RULES, ...rules });
}

describe('a value is shown by its shape', () => {
  const HASH = expect.stringMatching(/^[0-9a-f]{16}$/);

  test.each([
    ['a text', 'Ada Lovelace', { type: 'string', length: 12, hash: HASH }],
    ['a text in code points', '😀😀😀😀', { type: 'string', length: 4, hash: HASH }],
    ['a number', 123_456, { type: 'number', length: 6, hash: HASH }],
    ['a list', ['alpha', 1], { type: 'list', length: 2, hash: HASH }],
    ['an object', { name: 'Ada Lovelace' }, { type: 'object', length: 1, hash: HASH }],
  ])('%s', (_, value, shown) => expect(shape(value)).toEqual(shown));

  test('bytes by their length and a hash of their hash', () => {
    const bytes = { type: 'bytes', length: 9, sha256: 'ab'.repeat(32) } as const;
    expect(mask.shape(bytes, 'body')).toEqual({ type: 'bytes', length: 9, hash: HASH });
    expect(JSON.stringify(mask.shape(bytes, 'body'))).not.toContain('abab');
  });

  test('what is absent is absent', () =>
    expect(mask.shape({ type: 'absent' }, '/v')).toEqual({ type: 'absent' }));

  test.each([
    true,
    false,
    null,
    0,
    7,
    999,
    -42,
    0.5,
    '',
    'DE',
    'yes',
    [],
    {},
    [true, 1],
    { a: null, b: 'no' },
  ])('what anybody could list shows its type and nothing more: %j', (value) =>
    expect(Object.keys(shape(value))).toEqual(['type']),
  );

  test.each([1000, 12.345, 'done', [[['four']]], { a: { b: 1234 } }])(
    'what nobody could has a hash: %j',
    (value) => expect(shape(value)).toHaveProperty('hash'),
  );
});

describe('a hash', () => {
  test('is equal for equal values, whatever the order of their keys, and for no others', () => {
    expect(shape({ a: 'long text', b: 1 })).toEqual(shape({ b: 1, a: 'long text' }));
    expect(shape('alpha')).toEqual(shape('alpha'));
    expect(shape('alpha')).not.toEqual(shape('alphb'));
    expect(shape('12345').hash).not.toBe(shape(12345).hash);
    expect(shape(['alpha']).hash).not.toBe(shape('alpha').hash);
  });

  test('is another at another path, and in another scope: what is known here cannot be looked for there', () => {
    const hashes = [
      shape('alpha'),
      shape('alpha', '/w'),
      shape('alpha', '/v', 'acme'),
      shape('alpha', '/v', 'globex'),
    ];
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(4);
    expect(mask.shape(found('alpha'), '/b', 'a').hash).not.toBe(mask.shape(found('alpha'), '/a/b', '').hash);
  });

  test('is another with another key, and says nothing without it', () => {
    const other = openMask(randomBytes(32)).shape(found('alpha'), '/v');
    expect(other.hash).not.toBe(shape('alpha').hash);
    const plain = createHmac('sha256', KEY).update('"alpha"').digest('hex').slice(0, 16);
    expect(shape('alpha').hash).not.toBe(plain);
  });

  test('is the same on every instance with the key, for ever: groups and samples go by it', () => {
    const own = new Uint8Array(hkdfSync('sha256', KEY, new Uint8Array(), 'banyan mask v1', 32));
    const expected = createHmac('sha256', own)
      .update('["acme","/v","string"]\n"alpha"')
      .digest('hex')
      .slice(0, 16);
    expect(shape('alpha', '/v', 'acme').hash).toBe(expected);
  });

  test.each([0, 16, 31, 33, 64])('is not made with a key of %d bytes', (length) => {
    expect(() => openMask(new Uint8Array(length))).toThrow('32 bytes');
  });
});

describe('clear text', () => {
  const clear = (...paths: string[]) => ({ clear: paths });

  test('is shown for statuses', () => {
    const [status] = findDifferences(compareAnswers(answer({ status: 200 }), answer({ status: 404 })));
    expect(status && mask.difference(status, DEFAULT_MIRROR_RULES)).toEqual({
      path: 'status',
      kind: 'value',
      legacy: { type: 'number', clear: '200' },
      new: { type: 'number', clear: '404' },
    });
  });

  test('is shown for fields that the table names, and what is below them', () => {
    const rules = clear('/state', '/user', '/items/*/state', 'header:etag', 'rows:ai_job/status');
    const shown = (path: string) => difference(path, found('done'), found(null), rules);
    for (const path of [
      '/state',
      '/user',
      '/user/name',
      '/items/*/state',
      'header:etag',
      'rows:ai_job/status',
    ]) {
      expect(shown(path).legacy.clear).toBe('"done"');
      expect(shown(path).new.clear).toBe('null');
    }
    for (const path of [
      '/other',
      '/items/*/name',
      '/items',
      'header:vary',
      'rows:ai_job/prompt',
      'body',
      'cookie:state',
    ])
      expect(shown(path).legacy).not.toHaveProperty('clear');
  });

  test('is never shown for a secret, by its name, a name above it, or one inside of it', () => {
    const rules = clear(
      '/password',
      '/token',
      '/user',
      '/*',
      'body',
      'header:authorization',
      'cookie:theme',
      'cookie:sessionid',
      'rows:auth_user',
      'rows:django_session',
    );
    const paths = [
      '/password',
      '/token/value',
      '/user/api_key',
      'header:authorization',
      'cookie:theme',
      'cookie:sessionid',
      'rows:auth_user/password',
      'rows:django_session/expire_date',
    ];
    for (const path of paths) {
      const { legacy } = difference(path, found('hunter2 is a password'), found('x'), rules);
      expect([path, Object.keys(legacy)]).toEqual([path, ['type']]);
    }
    const holder = difference(
      '/user',
      found({ name: 'Ada Lovelace', deep: [{ csrfToken: 'abcdef' }] }),
      found('x'),
      rules,
    );
    expect(holder.legacy).not.toHaveProperty('clear');
    expect(difference('/user', found({ name: 'Ada Lovelace' }), found('x'), rules).legacy.clear).toBe(
      '{"name":"Ada Lovelace"}',
    );
    expect(
      difference('rows:auth_user/email', found('ada@acme.example'), found('x'), rules).legacy.clear,
    ).toBe('"ada@acme.example"');
  });

  test('is never shown for what looks like a secret, whatever it is called', () => {
    const { legacy } = difference(
      '/note',
      found('card 4111 1111 1111 1111, please'),
      found('x'),
      clear('/note'),
    );
    expect(legacy).not.toHaveProperty('clear');
  });

  test('an attribute of a cookie is no secret, its value is', () => {
    const rules = clear('cookie:sessionid', 'cookie:sessionid;path');
    expect(difference('cookie:sessionid;path', found('/api/v1'), found('/'), rules).legacy.clear).toBe(
      '"/api/v1"',
    );
    expect(difference('cookie:sessionid', found('abcdef'), found('x'), rules).legacy).toEqual({
      type: 'string',
    });
  });

  test('is not shown where it is too long to read', () => {
    expect(difference('/a', found('x'.repeat(1_998)), found('x'), clear('/a')).legacy).toHaveProperty(
      'clear',
    );
    expect(difference('/a', found('x'.repeat(1_999)), found('x'), clear('/a')).legacy).not.toHaveProperty(
      'clear',
    );
  });
});

describe('names of secrets', () => {
  test.each([
    'password',
    'Password',
    'new_password',
    'passwordHash',
    'user.passwd',
    'PASSPHRASE',
    'pwd',
    'client_secret',
    'secretKey',
    'token',
    'accessToken',
    'refresh-token',
    'tokens',
    'id_tokens',
    'Authorization',
    'Proxy-Authorization',
    'X-Auth-Token',
    'auth',
    'bearer',
    'credentials',
    'cookie',
    'Set-Cookie',
    'sessionid',
    'session_key',
    'PHPSESSID',
    'api_key',
    'apiKey',
    'X-API-Key',
    'APIKEY',
    'access_key',
    'privateKey',
    'private-key',
    'signing_key',
    'csrf',
    'csrfmiddlewaretoken',
    'X-CSRFToken',
    'xsrf',
    'credit_card',
    'creditCardNumber',
    'card',
    'card_number',
    'cvc',
    'CVV2',
    'iban',
    'IBAN',
    'bic',
    'otp',
    'one_time_otp',
    'totp',
    'pin',
    'PIN',
    'pin_code',
    'userPin',
    'mfa',
    'ssn',
    'social_security_number',
    'tax_id',
    'bank_account',
    'recovery_codes',
    'security_code',
    'jwt',
    'salt',
    'nonce',
    'signature',
    'hmac',
    'pass',
    'ｐａｓｓｗｏｒｄ',
    'connection_string',
  ])('%s', (name) => expect(isSecretName(name)).toBe(true));

  test.each([
    'id',
    'name',
    'email',
    'created_at',
    'shipping',
    'opinion',
    'spinner',
    'author',
    'authors',
    'compass',
    'discard',
    'cardinality',
    'pinned',
    'prompt_tokens',
    'completion_tokens',
    'max_tokens',
    'totalTokens',
    'option',
    'laptop',
    'standard',
    'span',
    'company',
    'title',
    'key',
    'keys',
    'monkey',
    'basalt',
    'public',
    '',
  ])('%s is none', (name) => expect(isSecretName(name)).toBe(false));

  test.each([
    ['/user/password', true],
    ['/secrets/*/name', true],
    ['/user/email', false],
    ['header:x-api-key', true],
    ['header:etag', false],
    ['cookie:anything', true],
    ['cookie:anything;path', false],
    ['cookie:anything;other', true],
    ['rows:auth_user/email', false],
    ['rows:auth_user/password', true],
    ['rows:auth_token/created', true],
    ['rows:django_session', true],
    ['/html/body/input/@value', false],
    ['/html/body/input/@password', true],
    ['status', false],
    ['body', false],
    ['what is this?', true],
  ])('%s: %s', (path, expected) => expect(isSecretPath(path)).toBe(expected));
});

test.each([
  ['a JSON Web Token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc', true],
  ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nMIIE', true],
  ['a bearer token', 'Bearer abcdef123456', true],
  ['a key of Stripe', 'sk_live_4eC39HqLyjWDarjtT1zdp7dc', true],
  ['a key of AWS', 'AKIAIOSFODNN7EXAMPLE', true],
  ['a key of ours', 'byn_demo_acme', true],
  ['a password in a URL', 'postgres://app:hunter2@db.example/x', true],
  ['a hashed password', 'pbkdf2_sha256$600000$salt$hash', true],
  ['a card', '4111111111111111', true],
  ['a card with spaces', '5555 5555 5555 4444', true],
  ['an IBAN', 'DE89 3704 0044 0532 0130 00', true],
  ['an IBAN without spaces', 'GB82WEST12345698765432', true],
  ['a number that is no card', '4111111111111112', false],
  ['a time', '2026-01-05T09:30:00.123456Z', false],
  ['a UUID', '0d9f8f8e-6f0a-4a8e-9f0e-2d1c3b4a5968', false],
  ['a text', 'The bearer of bad news: basic stuff', false],
  ['a URL', 'https://acme.example/a?b=c', false],
  ['a link with a token', 'https://acme.example/a?page=2&access_token=x7', true],
  ['a link with a token in brackets', '/a?user%5Btoken%5D=x7', true],
  ['a line of settings', "SECRET_KEY = 'x7'", true],
  ['a line of JSON in a text', 'answered {"password": "x7"}', true],
  ['a ticket for a service', 'Negotiate YIIJvwYGKwYBBQUC', true],
  ['a time and an address', 'at 12:30 on http://localhost:8080/auth/, page=2', false],
])('%s looks like a secret: %s → %s', (_, text, expected) => expect(looksSecret(text)).toBe(expected));
