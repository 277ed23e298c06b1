import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { request } from 'node:http';
import type { JwkSet } from '../../../legacy-stub/verify-identity-tag.ts';

/** Makes tags as the gateway does, so that the stub can be visited without one. */
export type TagMint = Readonly<{ kid: string; privateKey: KeyObject; jwks: JwkSet }>;

export function openMint(kid = 'mint-1'): TagMint {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' };
  return { kid, privateKey, jwks: { keys: [jwk] } };
}

export type TagParts = Readonly<{
  header?: Readonly<Record<string, unknown>>;
  claims?: Readonly<Record<string, unknown>>;
}>;

/** A tag for one request; `parts` replace what a good one says, and a value of undefined leaves it out. */
export function mintTag(mint: TagMint, method: string, target: string, parts: TagParts = {}): string {
  const nowS = Math.floor(Date.now() / 1000);
  const header = { alg: 'ES256', kid: mint.kid, typ: 'banyan-tag+jwt', ...parts.header };
  const claims = {
    ...{ iss: 'banyan', aud: 'legacy', sub: '1', tenant: 'acme', scope: 'read write', amr: ['api_key'] },
    ...{ rid: 'request-0001', jti: randomUUID(), iat: nowS, exp: nowS + 30, htm: method },
    htp: createHash('sha256').update(target).digest('base64url'),
    ...parts.claims,
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode(header)}.${encode(claims)}`;
  const seal = sign('sha256', Buffer.from(signed), { key: mint.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${seal.toString('base64url')}`;
}

/** What an anonymous caller's tag says. */
export const ANONYMOUS = { sub: 'anonymous', amr: undefined, scope: '' } as const;

export type Answered = Readonly<{
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  bytes: Buffer;
  text: string;
}>;

export type Visit = Readonly<{
  claims?: TagParts['claims'];
  headers?: Readonly<Record<string, string | readonly string[]>>;
  body?: string | Buffer;
  /** Goes instead of a minted tag; undefined sends none. */
  tag?: string | undefined;
}>;

/** Calls the stub as the gateway would, and reads the whole answer; rejects where it breaks off. */
export function visit(
  url: string,
  mint: TagMint,
  method: string,
  target: string,
  more: Visit = {},
): Promise<Answered> {
  const tag =
    'tag' in more ? more.tag : mintTag(mint, method, target, more.claims ? { claims: more.claims } : {});
  const headers = { ...(tag !== undefined && { 'X-Identity-Tag': tag }), ...more.headers };
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const asked = request({
      hostname,
      port,
      method,
      path: target,
      headers: headers as Record<string, string>,
      agent: false,
    });
    asked.on('error', reject);
    asked.on('response', (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () => {
        const bytes = Buffer.concat(pieces);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes, text: bytes.toString() });
      });
    });
    asked.end(more.body);
  });
}
