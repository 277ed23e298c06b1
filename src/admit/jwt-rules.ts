import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';

export const JWT_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'HS256',
  'HS384',
  'HS512',
] as const;
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

/** Whose JWTs are believed, and by which key. */
export type JwtRules = Readonly<{
  issuer: string;
  audience: string;
  /** The allow-list. `none` cannot stand in it; HS… needs a secret, all others a public key. */
  algorithms: readonly JwtAlgorithm[];
  trust:
    | Readonly<{ kind: 'jwks'; url: string }>
    | Readonly<{ kind: 'public_key'; pem: string }>
    | Readonly<{ kind: 'secret'; secret: string }>;
  /** The claims that name tenant and user: `tenant` and `sub` unless said otherwise. */
  claims?: Readonly<{ tenant?: string; user?: string }>;
}>;

/** One sentence about rules under which no token could be trusted. */
export class JwtRulesRefusal extends Error {
  override readonly name = 'JwtRulesRefusal';
}

const SHORTEST_SECRET = 32;
const SHORTEST_RSA = 2_048;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Throws `JwtRulesRefusal` (RFC 8725 sections 3.1, 3.2 and 3.5). */
export function checkJwtRules(rules: JwtRules): void {
  const { issuer, audience, algorithms, trust } = rules;
  if (issuer === '' || audience === '')
    throw new JwtRulesRefusal('JWTs need an issuer and an audience: name both.');
  if (algorithms.length === 0) throw new JwtRulesRefusal('JWTs need at least one algorithm.');
  const odd = algorithms.find((algorithm) => !JWT_ALGORITHMS.includes(algorithm));
  if (odd !== undefined)
    throw new JwtRulesRefusal(`"${odd}" is no algorithm for JWTs here: use ES256 or RS256.`);
  if (algorithms.some((algorithm) => algorithm.startsWith('HS') !== (trust.kind === 'secret')))
    throw new JwtRulesRefusal(
      'HS… algorithms go with a secret, all others with a public key: do not mix them.',
    );
  if (trust.kind === 'jwks') checkJwksUrl(trust.url);
}

/** The one key of rules that fetch none. Throws `JwtRulesRefusal`. */
export function readStaticKey(trust: Exclude<JwtRules['trust'], { kind: 'jwks' }>): KeyObject {
  if (trust.kind === 'secret') {
    if (Buffer.byteLength(trust.secret) < SHORTEST_SECRET)
      throw new JwtRulesRefusal(
        `The secret for JWTs is shorter than ${SHORTEST_SECRET} bytes: make a longer one.`,
      );
    return createSecretKey(trust.secret, 'utf8');
  }
  const key = tryReadPem(trust.pem);
  if (key === undefined || !isStrongEnough(key))
    throw new JwtRulesRefusal(
      `The public key for JWTs cannot be used: give an EC key, or an RSA key of ${SHORTEST_RSA} bits or more, as PEM.`,
    );
  return key;
}

export function isStrongEnough(key: KeyObject): boolean {
  if (key.asymmetricKeyType === 'ec') return true;
  const isRsa = key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'rsa-pss';
  return isRsa && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= SHORTEST_RSA;
}

function tryReadPem(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

// Whoever can change the keys on their way can be anybody.
function checkJwksUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname));
  if (!isSafe || url?.username !== '' || url.password !== '')
    throw new JwtRulesRefusal(
      'The JWKS address must be https://, without user and password: keys that come unprotected prove nothing.',
    );
}
