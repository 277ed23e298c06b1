import { createSign, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export type Claims = Readonly<Record<string, unknown>> | string | readonly unknown[];

/** Signs what it is given, good or bad: ES256 in the form of RFC 7518. */
export function sign(header: object, claims: Claims, key: KeyObject): string {
  const signed = `${encode({ alg: 'ES256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${signed}.${createSign('sha256').update(signed).sign({ key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

export const publicJwk = (publicKey: KeyObject): JsonWebKey => publicKey.export({ format: 'jwk' });

/** An issuer whose keys the gateway trusts, and every request that it ever got. */
export type Issuer = Readonly<{
  privateKey: KeyObject;
  publicKey: KeyObject;
  url: string;
  asked: readonly string[];
  /** What the gateway's environment says of it. */
  env: Readonly<Record<string, string>>;
  close(): void;
}>;

export const ISSUER = 'https://id.example';
export const AUDIENCE = 'workspace';
export const KID = 'key-1';

export async function openIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = newKeys();
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.url ?? '');
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ keys: [{ ...publicJwk(publicKey), kid: KID, use: 'sig' }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    privateKey,
    publicKey,
    url,
    asked,
    env: { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_ALGORITHMS: 'ES256', JWT_JWKS_URL: `${url}/keys` },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
