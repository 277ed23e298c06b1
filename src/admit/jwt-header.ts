import { type Failure, fail } from '../vocabulary/index.ts';
import type { JwtAlgorithm } from './jwt-rules.ts';

export type JoseHeader = Readonly<{ alg: JwtAlgorithm; kid: string | undefined }>;

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const TYPES = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);
/**
 * `crit`: extensions that must be understood, and we understand none (RFC 7515 section 4.1.11). `b64`, `zip`: another reading of the same
 * bytes. The others bring or name the token's own key (RFC 8725 section 3.10).
 */
const REFUSED = ['crit', 'b64', 'zip', 'enc', 'jku', 'jwk', 'x5u', 'x5c'];
const LONGEST_KID = 256;

/** Looks at the header before anything is believed: what it asks for is held against what the rules allow. */
export function readHeader(token: string, allowed: readonly JwtAlgorithm[]): JoseHeader | Failure {
  if (!COMPACT.test(token)) return fail('credential_invalid');
  const header = parseObject(token.slice(0, token.indexOf('.')));
  if (header === undefined) return fail('credential_invalid');
  const refused = REFUSED.find((name) => Object.hasOwn(header, name));
  if (refused !== undefined)
    return fail('credential_invalid', {
      detail: `Tokens with "${refused}" in their header are not accepted.`,
    });
  const alg = allowed.find((algorithm) => algorithm === readOwn(header, 'alg'));
  if (alg === undefined)
    return fail('credential_invalid', {
      detail: 'The token is signed by an algorithm that is not accepted.',
    });
  const type = readOwn(header, 'typ');
  const kid = readOwn(header, 'kid');
  if (type !== undefined && !(typeof type === 'string' && TYPES.has(type.toLowerCase())))
    return fail('credential_invalid', {
      detail: 'This kind of token (typ) is not accepted as a credential.',
    });
  if (kid !== undefined && !(typeof kid === 'string' && kid.length <= LONGEST_KID))
    return fail('credential_invalid');
  return { alg, kid };
}

function readOwn(header: object, name: string): unknown {
  return Object.hasOwn(header, name) ? (header as Record<string, unknown>)[name] : undefined;
}

function parseObject(part: string): object | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
