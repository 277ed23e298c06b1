import { createHash, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { afterAll, describe, expect, test } from '@jest/globals';
import jsonwebtoken from 'jsonwebtoken';
import { createTagKeys, createTagKeysText, parseTagKeys, TagKeysRefusal } from '../../../src/admit/index.ts';
import { listIdentity } from '../../support/identity.ts';
import { arriveAt, openRoom, stoppedClock, tagKeys, tenant, user, withHeaders } from './support.ts';
import type { Caller } from './words.ts';

const clock = stoppedClock();
const { admit, events } = openRoom({ clock });
afterAll(() => admit.close());

const ADA: Caller = {
  kind: 'known',
  tenant: tenant('acme'),
  user: user(7),
  scopes: ['read', 'write'],
  by: 'session',
  credentialId: 'session_0123456789ab',
};
const arrival = arriveAt(admit, {
  method: 'POST',
  url: '/api/ai/jobs/?a=%2F&b',
  headers: withHeaders('X-Request-Id', 'request-1234'),
});

function tagOf(caller: Caller, side: 'legacy' | 'new' = 'legacy'): string {
  const lines = listIdentity(admit.identity(arrival, caller, side));
  return lines[lines.indexOf('X-Identity-Tag') + 1] ?? '';
}

function verify(tag: string) {
  const [jwk] = admit.jwks().keys;
  const key = createPublicKey({ key: jwk as unknown as JsonWebKey, format: 'jwk' });
  const now = Math.floor(clock.wallMs() / 1000);
  return jsonwebtoken.verify(tag, key, {
    algorithms: ['ES256'],
    issuer: 'banyan',
    clockTimestamp: now,
    complete: true,
  });
}

describe('the tag', () => {
  test('says who, to whom, for which request and for how long, and verifies by the published keys', () => {
    const { header, payload } = verify(tagOf(ADA));
    const nowS = clock.wallMs() / 1000;

    expect(header).toEqual({ alg: 'ES256', kid: tagKeys.signing.kid, typ: 'banyan-tag+jwt' });
    expect(payload).toEqual({
      iss: 'banyan',
      aud: 'legacy',
      sub: '7',
      tenant: 'acme',
      scope: 'read write',
      amr: ['session'],
      rid: 'request-1234',
      htm: 'POST',
      htp: createHash('sha256').update('/api/ai/jobs/?a=%2F&b').digest('base64url'),
      iat: nowS,
      exp: nowS + 30,
      jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
    });
  });

  test('of an anonymous caller names nobody and no method of proof', () => {
    const { payload } = verify(tagOf({ kind: 'anonymous', tenant: undefined }, 'new'));

    expect(payload).toMatchObject({ aud: 'new', sub: 'anonymous', scope: '' });
    expect(payload).not.toHaveProperty('tenant');
    expect(payload).not.toHaveProperty('amr');
  });

  test('bound to its caller names no request, and serves all that the caller sends to a side in ten seconds', () => {
    const later = stoppedClock();
    const room = openRoom({ clock: later, tagBinding: 'caller' });
    const ask = (caller: Caller, side: 'legacy' | 'new' = 'legacy') => {
      const lines = listIdentity(room.admit.identity(arrival, caller, side));
      return lines[lines.indexOf('X-Identity-Tag') + 1] ?? '';
    };
    const first = ask(ADA);
    const { payload } = verify(first);
    for (const claim of ['rid', 'htm', 'htp']) expect(payload).not.toHaveProperty(claim);
    expect(ask(ADA)).toBe(first);
    // The same user by another credential, another side, and nobody: each has one of its own.
    expect(
      new Set([first, ask({ ...ADA }), ask(ADA, 'new'), ask({ kind: 'anonymous', tenant: undefined })]).size,
    ).toBe(4);
    expect(ask({ kind: 'anonymous', tenant: tenant('acme') })).not.toBe(
      ask({ kind: 'anonymous', tenant: tenant('globex') }),
    );
    later.pass(10_000);
    expect(ask(ADA)).not.toBe(first);
    room.admit.close();
  });

  test('is another one for each request and side', () => {
    expect(new Set([tagOf(ADA), tagOf(ADA), tagOf(ADA, 'new')]).size).toBe(3);
  });

  test('verifies every time, also where a half of its signature begins with a zero', () => {
    const tags = Array.from({ length: 2_000 }, () => tagOf(ADA));

    for (const tag of tags) expect(() => verify(tag)).not.toThrow();
    const signatures = tags.map((tag) => Buffer.from(tag.split('.')[2] ?? '', 'base64url'));
    expect(new Set(signatures.map(({ length }) => length))).toEqual(new Set([64]));
    expect(signatures.some((raw) => raw[0] === 0 || raw[32] === 0)).toBe(true);
  });

  test('does not verify when a claim was changed', () => {
    const [header, payload = '', signature] = tagOf(ADA).split('.');
    const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), tenant: 'globex' };
    const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');

    expect(() => verify(forged)).toThrow('invalid signature');
  });

  test('goes beside the plain headers of the same caller', () => {
    const lines = listIdentity(admit.identity(arrival, ADA, 'legacy'));
    const of = (name: string) => lines[lines.indexOf(name) + 1];

    expect([of('X-Tenant-Id'), of('X-User-Id'), of('X-Request-Id')]).toEqual(['acme', '7', 'request-1234']);
  });

  test('is told to nobody else', () => {
    expect(JSON.stringify(events)).not.toContain('eyJ');
  });
});

describe('the keys that sign tags', () => {
  const set = (...texts: string[]) =>
    JSON.stringify({ keys: texts.flatMap((text) => JSON.parse(text).keys) });

  test('are all published, without their private parts, and the first one signs', () => {
    const [old, next] = [createTagKeysText(), createTagKeysText()];
    const before = parseTagKeys(set(old, next));
    const after = parseTagKeys(set(next, old));

    expect(before.published).toHaveLength(2);
    expect(before.signing.kid).toBe(before.published[0]?.kid);
    expect(after.signing.kid).toBe(before.published[1]?.kid);
    expect(JSON.stringify(before.published)).not.toContain('"d"');
  });

  test('have the same name on every instance: the thumbprint of RFC 7638', () => {
    const { published } = createTagKeys();
    const [{ crv, kty, x, y, kid } = { crv: '', kty: '', x: '', y: '', kid: '' }] = published;

    expect(kid).toBe(
      createHash('sha256')
        .update(`{"crv":"${crv}","kty":"${kty}","x":"${x}","y":"${y}"}`)
        .digest('base64url'),
    );
  });

  test('rotate without a tag that does not verify', () => {
    const [old, next] = [createTagKeysText(), createTagKeysText()];
    const rooms = [set(old), set(old, next), set(next, old), set(next)].map(
      (text) => openRoom({ tagKeys: parseTagKeys(text), clock }).admit,
    );

    for (const [i, room] of rooms.entries()) {
      const lines = listIdentity(room.identity(arrival, ADA, 'legacy'));
      const tag = lines[lines.indexOf('X-Identity-Tag') + 1] ?? '';
      const { kid } = JSON.parse(Buffer.from(tag.split('.')[0] ?? '', 'base64url').toString());
      // Instances restart one after the other: each one's tag must verify by its neighbours' keys.
      for (const neighbour of rooms.slice(Math.max(0, i - 1), i + 2)) {
        expect(neighbour.jwks().keys.map((key) => key.kid)).toContain(kid);
      }
      room.close();
    }
  });

  const { privateKey: p384 } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const good = JSON.parse(createTagKeysText()).keys[0] as Record<string, string>;
  const { d: _d, ...publicOnly } = good;
  test.each([
    ['no JSON', 'secret-text', /is not a JWK Set/],
    ['a bare key', JSON.stringify(good), /is not a JWK Set/],
    ['an empty set', '{"keys":[]}', /holds no key/],
    ['a public key', JSON.stringify({ keys: [publicOnly] }), /Key 1 .* no private part/],
    ['another curve', JSON.stringify({ keys: [good, p384.export({ format: 'jwk' })] }), /Key 2 .* P-256/],
    ['an RSA key', JSON.stringify({ keys: [rsa.export({ format: 'jwk' })] }), /Key 1 .* P-256/],
    [
      'a point off the curve',
      JSON.stringify({ keys: [{ ...good, x: good.y }] }),
      /Key 1 .* not a valid point/,
    ],
    ['one key twice', JSON.stringify({ keys: [good, good] }), /one key twice/],
    ['a null', '{"keys":[null]}', /Key 1 .* not a JSON object/],
  ])('cannot be %s, and the refusal says why without saying the key', (_name, text, why) => {
    const attempt = () => parseTagKeys(text);

    expect(attempt).toThrow(TagKeysRefusal);
    expect(attempt).toThrow(why);
    expect(attempt).not.toThrow(/secret-text/);
    expect(attempt).not.toThrow(new RegExp(good.d?.slice(0, 12) ?? 'never'));
  });
});
