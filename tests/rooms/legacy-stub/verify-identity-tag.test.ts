import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { createTagVerifier, type TagVerifierWish } from '../../../legacy-stub/verify-identity-tag.ts';
import { ANONYMOUS, mintTag, openMint, type TagParts } from './visitor.ts';

const mint = openMint();
const TARGET = '/api/auth/me/?a=%2f';
const NOW_S = Math.floor(Date.now() / 1000);

function openVerifier(wish: Partial<TagVerifierWish> = {}) {
  return createTagVerifier({ jwksUrl: 'http://127.0.0.1:1/', fetchKeys: async () => mint.jwks, ...wish });
}

function ask(tag: string | undefined, extra: readonly string[] = []) {
  const rawHeaders = [...(tag === undefined ? [] : ['X-Identity-Tag', tag]), ...extra];
  return { method: 'GET', url: TARGET, rawHeaders };
}

async function judge(tag: string | undefined, extra: readonly string[] = []): Promise<string> {
  const verdict = await openVerifier().verify(ask(tag, extra));
  return verdict.ok ? 'good' : verdict.reason;
}

const make = (parts: TagParts = {}) => mintTag(mint, 'GET', TARGET, parts);
const claim = (claims: Record<string, unknown>) => judge(make({ claims }));

describe('a good tag', () => {
  test('tells who is calling', async () => {
    const tag = make({
      claims: { sub: '7', tenant: 'globex', scope: 'read qa', amr: ['session'], jti: 'j' },
    });

    const verdict = await openVerifier().verify(ask(tag));

    const who = { tenant: 'globex', user: 7, scopes: ['read', 'qa'], by: 'session' };
    expect(verdict).toEqual({ ok: true, tag: { ...who, requestId: 'request-0001', id: 'j' } });
  });

  test('may be an anonymous one, with or without a tenant', async () => {
    expect(await claim(ANONYMOUS)).toBe('good');
    expect(await claim({ ...ANONYMOUS, tenant: undefined })).toBe('good');
  });

  test('is good within a minute of clock skew on both ends, and not beyond', async () => {
    expect(await claim({ iat: NOW_S + 58, exp: NOW_S + 88 })).toBe('good');
    expect(await claim({ iat: NOW_S - 85, exp: NOW_S - 55 })).toBe('good');
    expect(await claim({ iat: NOW_S + 70, exp: NOW_S + 90 })).toBe('tag_from_future');
    expect(await claim({ iat: NOW_S - 95, exp: NOW_S - 65 })).toBe('tag_expired');
  });
});

describe('a tag is refused', () => {
  test('when there is none, or more than one in any spelling', async () => {
    expect(await judge(undefined)).toBe('tag_missing');
    expect(await judge('')).toBe('tag_missing');
    expect(await judge(make(), ['x-identity-tag', make()])).toBe('tag_repeated');
    expect(await judge(undefined, ['X_Identity_Tag', make()])).toBe('tag_repeated');
  });

  test('when it is no compact JWS in its one spelling', async () => {
    const [head, body, seal] = make().split('.') as [string, string, string];
    const broken = [
      ...['x', 'a.b', `${head}.${body}`, `${head}.${body}.${seal}.x`, `${head}.${body}.${seal}=`],
      ...[
        `${head}.${body}.AAAA`,
        `${head}.${body}.`,
        ` ${head}.${body}.${seal}`,
        `${head}.${'A'.repeat(9000)}.${seal}`,
      ],
      ...[`W10.${body}.${seal}`, `bm90anNvbg.${body}.${seal}`],
    ];
    for (const tag of broken) expect([tag, await judge(tag)]).toEqual([tag, 'tag_malformed']);
  });

  test('when its header chooses another algorithm or brings anything of its own', async () => {
    for (const alg of ['none', 'HS256', 'RS256', 'es256', undefined])
      expect(await judge(make({ header: { alg } }))).toBe('algorithm_refused');
    for (const header of [
      { typ: 'JWT' },
      { typ: undefined },
      { crit: ['b64'], b64: false },
      { jwk: mint.jwks.keys[0] },
      { jku: 'http://x' },
      { zip: 'DEF' },
      { kid: 1 },
    ])
      expect(await judge(make({ header }))).toBe('tag_malformed');
  });

  test('when an HMAC with the public key stands in for the signature', async () => {
    const [head = '', body = ''] = make().split('.');
    const secret = JSON.stringify(mint.jwks.keys[0]);
    const half = createHmac('sha256', secret).update(`${head}.${body}`).digest();
    const forged = `${head}.${body}.${Buffer.concat([half, half]).toString('base64url')}`;
    expect(await judge(forged)).toBe('signature_wrong');
  });

  test('when another key signed it, or a byte of it changed', async () => {
    const other = { ...openMint(), kid: mint.kid };
    expect(await judge(mintTag(other, 'GET', TARGET))).toBe('signature_wrong');
    const [head, , seal] = make().split('.');
    const [, body] = make({ claims: { tenant: 'globex' } }).split('.');
    expect(await judge(`${head}.${body}.${seal}`)).toBe('signature_wrong');
  });

  test('when a claim is missing, of another type or of another party', async () => {
    const wrong: Record<string, unknown>[] = [
      ...[{ iss: 'other' }, { iss: undefined }, { aud: 'new' }, { aud: ['legacy'] }, { aud: undefined }],
      ...[
        { sub: '0' },
        { sub: '1x' },
        { sub: 1 },
        { sub: undefined },
        { sub: 'anonymous' },
        { sub: '12345678901' },
      ],
      ...[
        { tenant: undefined },
        { tenant: 'ACME' },
        { tenant: 'a;b' },
        { tenant: ['acme'] },
        { tenant: null },
        { tenant: 'acme\n' },
      ],
      ...[
        { scope: undefined },
        { scope: ['read'] },
        { amr: undefined },
        { amr: 'jwt' },
        { amr: ['jwt', 'session'] },
        { amr: ['x'] },
      ],
      ...[
        { rid: undefined },
        { rid: '' },
        { jti: 5 },
        { iat: undefined },
        { exp: String(NOW_S + 30) },
        { exp: NOW_S + 0.5 },
      ],
      ...[{ exp: NOW_S + 86_400 }, { exp: NOW_S - 1 }],
    ];
    for (const claims of wrong) expect([claims, await claim(claims)]).toEqual([claims, 'claims_wrong']);
  });

  test('that names no request, unless the monolith was told of such tags', async () => {
    const unbound = make({ claims: { rid: undefined, htm: undefined, htp: undefined } });
    expect(await judge(unbound)).toBe('other_request');
    const told = openVerifier({ binding: 'caller' });
    const verify = (tag: string) => told.verify(ask(tag));
    expect(await verify(unbound)).toMatchObject({ ok: true, tag: { tenant: 'acme', requestId: undefined } });
    // One that names a request is for that one only, whatever is allowed.
    expect(await verify(mintTag(mint, 'POST', TARGET))).toMatchObject({ reason: 'other_request' });
    for (const half of [{ rid: undefined }, { htp: undefined }])
      expect(await verify(make({ claims: half }))).toMatchObject({ ok: false });
  });

  test('on any request but its own', async () => {
    expect(await judge(mintTag(mint, 'POST', TARGET))).toBe('other_request');
    expect(await judge(mintTag(mint, 'GET', '/api/auth/me/'))).toBe('other_request');
    // Another spelling of the same target is another target.
    expect(await judge(mintTag(mint, 'GET', '/api/auth/me/?a=%2F'))).toBe('other_request');
  });

  test('when plain identity headers contradict it, whatever their spelling', async () => {
    expect(
      await judge(make(), ['X-Tenant-Id', 'acme', 'X-User-Id', '1', 'X-Request-Id', 'request-0001']),
    ).toBe('good');
    const forged = [
      ...[
        ['x-tenant-id', 'globex'],
        ['X_Tenant_Id', 'acme'],
        ['X-User-Id', '2'],
        ['X-USER_ID', '1'],
        ['X-Request-Id', 'other-0001'],
      ],
      ['X-Tenant-Id', 'acme', 'X-Tenant-Id', 'acme'],
    ];
    for (const headers of forged)
      expect([headers, await judge(make(), headers)]).toEqual([headers, 'identity_header_contradicts']);
  });

  test('when an anonymous caller claims a user by header', async () => {
    expect(await judge(make({ claims: ANONYMOUS }), ['X-User-Id', '1'])).toBe('identity_header_contradicts');
  });
});

describe('keys', () => {
  test('are fetched once, then kept; an unknown key id asks again, but not more often than every five seconds', async () => {
    let asked = 0;
    let nowMs = Date.now();
    const fetchKeys = async () => {
      asked += 1;
      return mint.jwks;
    };
    const verifier = openVerifier({ fetchKeys, nowMs: () => nowMs });
    await Promise.all(Array.from({ length: 20 }, () => verifier.verify(ask(make()))));
    expect(asked).toBe(1);

    const stranger = openMint('other');
    const foreign = () => verifier.verify(ask(mintTag(stranger, 'GET', TARGET)));
    nowMs += 6_000;
    for (let i = 0; i < 20; i += 1) expect(await foreign()).toEqual({ ok: false, reason: 'key_unknown' });
    expect(asked).toBe(2);
    nowMs += 6_000;
    await foreign();
    expect(asked).toBe(3);
  });

  test('of a rotation are believed as soon as they are published', async () => {
    const next = openMint('mint-2');
    let published = mint.jwks;
    let nowMs = Date.now();
    const verifier = openVerifier({ fetchKeys: async () => published, nowMs: () => nowMs });
    expect((await verifier.verify(ask(make()))).ok).toBe(true);

    published = { keys: [...mint.jwks.keys, ...next.jwks.keys] };
    nowMs += 6_000;

    expect((await verifier.verify(ask(mintTag(next, 'GET', TARGET)))).ok).toBe(true);
    expect((await verifier.verify(ask(make()))).ok).toBe(true);
  });

  test('that were taken back are forgotten when they grow old', async () => {
    let published = mint.jwks;
    let nowMs = Date.now();
    const verifier = openVerifier({ fetchKeys: async () => published, nowMs: () => nowMs });
    await verifier.verify(ask(make()));
    published = openMint('mint-2').jwks;
    nowMs += 11 * 60_000;
    expect(await verifier.verify(ask(make()))).toEqual({ ok: false, reason: 'key_unknown' });
  });

  test('stay good while the gateway is away, and their lack is told apart from a bad tag', async () => {
    let away = true;
    let nowMs = Date.now();
    const fetchKeys = async () => (away ? Promise.reject(new Error('away')) : mint.jwks);
    const verifier = openVerifier({ fetchKeys, nowMs: () => nowMs });
    expect(await verifier.verify(ask(make()))).toEqual({ ok: false, reason: 'keys_unavailable' });

    away = false;
    nowMs += 1_000;
    expect((await verifier.verify(ask(make()))).ok).toBe(true);

    away = true;
    const later = { claims: { iat: NOW_S + 660, exp: NOW_S + 690 } };
    nowMs += 11 * 60_000;
    expect((await verifier.verify(ask(make(later)))).ok).toBe(true);
  });

  test('come by HTTP, and only P-256 signing keys among them count', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    const encrypting = { ...openMint('enc').jwks.keys[0], use: 'enc' };
    const server = createServer((_req, res) =>
      res.end(JSON.stringify({ keys: [{ ...rsa, kid: 'rsa' }, encrypting, ...mint.jwks.keys] })),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const verifier = createTagVerifier({ jwksUrl: `http://127.0.0.1:${port}/.well-known/jwks.json` });
      expect((await verifier.verify(ask(make()))).ok).toBe(true);
      const rest = await verifier.verify(ask(make({ header: { kid: 'rsa' } })));
      expect(rest).toEqual({ ok: false, reason: 'key_unknown' });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
