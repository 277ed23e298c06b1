import { createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { VICTIM, VICTIM_USER } from './drafts.ts';
import type { Seen } from './recording-upstream.ts';
import { type Line, valuesOf } from './strict-parser.ts';

/** A published key of the gateway. */
export type TagKey = Readonly<{ kid: string; key: KeyObject }>;

export async function fetchTagKeys(adminUrl: string): Promise<readonly TagKey[]> {
  const answer = await fetch(`${adminUrl}/.well-known/jwks.json`);
  const { keys } = (await answer.json()) as { keys: (JsonWebKey & { kid: string })[] };
  return keys.map((key) => ({ kid: key.kid, key: createPublicKey({ key, format: 'jwk' }) }));
}

/** By these the receivers know a caller, however a framework folds their spelling. */
const IDENTITY = [
  'x-identity-tag',
  'x-tenant-id',
  'x-user-id',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'traceparent',
];
const GONE = ['x-banyan-side', 'x-served-by', 'forwarded', 'x-real-ip', 'x-original-url'];
const fold = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '-');
const FOLDED = new Set([...IDENTITY, ...GONE]);
const LIFE_S = 30;

/** What is wrong with the identity that a request brought to the upstream: exactly one tag, ours, for this request, and nothing beside it. */
export function findForgeries(seen: Seen, keys: readonly TagKey[]): readonly string[] {
  const { lines } = seen;
  const odd = lines
    .filter(([field]) => !/^[A-Za-z0-9-]+$/.test(field))
    .map(([field]) => `the odd name ${JSON.stringify(field)}`);
  const twins = lines
    .filter(([field]) => FOLDED.has(fold(field)) && !IDENTITY.includes(field.toLowerCase()))
    .map(([field]) => `another spelling: ${field}`);
  const repeated = IDENTITY.filter((field) => valuesOf(lines, field).length > 1).map(
    (field) => `${field} twice`,
  );
  const victims = lines.filter(isVictims).map(([field]) => `${field} names the victim`);
  const [tag] = valuesOf(lines, 'x-identity-tag');
  const wrong = tag === undefined ? ['no tag'] : findTagTrouble(tag, seen, keys);
  return [...odd, ...twins, ...repeated, ...victims, ...wrong].map(
    (what) => `${seen.method} ${seen.target.slice(0, 60)}: ${what}`,
  );
}

const isVictims = ([field, value]: Line) =>
  IDENTITY.includes(field.toLowerCase()) &&
  field.toLowerCase() !== 'x-forwarded-host' &&
  (value.includes(VICTIM) || value === VICTIM_USER);

function findTagTrouble(
  tag: string,
  { method, target, lines }: Seen,
  keys: readonly TagKey[],
): readonly string[] {
  const [head = '', body = '', signature = ''] = tag.split('.');
  const header = readPart(head);
  const claims = readPart(body);
  const key = keys.find(({ kid }) => kid === header.kid)?.key;
  const isSigned =
    header.alg === 'ES256' &&
    key !== undefined &&
    verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
  if (!isSigned) return ['a tag that is not ours'];
  const only = (field: string) => valuesOf(lines, field).join();
  const expected: Record<string, unknown> = {
    iss: 'banyan',
    aud: 'legacy',
    htm: method,
    htp: createHash('sha256').update(target).digest('base64url'),
    rid: only('x-request-id'),
    tenant: only('x-tenant-id') || undefined,
    sub: only('x-user-id') || 'anonymous',
  };
  const wrong = Object.keys(expected).filter((claim) => claims[claim] !== expected[claim]);
  const ageS = Date.now() / 1000 - Number(claims.iat);
  const isFresh = ageS > -2 && ageS < LIFE_S && Number(claims.exp) - Number(claims.iat) <= LIFE_S;
  return [...wrong.map((claim) => `the tag's ${claim} is another one`), ...(isFresh ? [] : ['an old tag'])];
}

function readPart(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return {};
  }
}

/** Unique to each tag: one that comes twice was replayed. */
export function tagIdOf({ lines }: Seen): string | undefined {
  const [tag = ''] = valuesOf(lines, 'x-identity-tag');
  const { jti } = readPart(tag.split('.')[1] ?? '');
  return typeof jti === 'string' ? jti : undefined;
}
