import type { KeyObject } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { type Failure, fail, isFailure } from '../vocabulary/index.ts';
import { hashSecret } from './api-key.ts';
import type { Clock } from './clock.ts';
import { type Eventual, then } from './eventual.ts';
import { type Jwks, type KeyAnswer, openJwks } from './jwks.ts';
import { readClaims } from './jwt-claims.ts';
import { type JoseHeader, readHeader } from './jwt-header.ts';
import { checkJwtRules, type JwtRules, readStaticKey } from './jwt-rules.ts';
import { openProofCache, type Proof } from './proof-cache.ts';

const LONGEST_TOKEN = 8 * 1024;
const SKEW_S = 60;
const GOOD_MS = 60_000;
const MOST_KEPT = 20_000;

export type Tokens = Readonly<{ check(token: string): Eventual<Proof> }>;

/**
 * jsonwebtoken made strict (RFC 8725): it would accept unknown `crit`, tokens without `exp` or `aud`, and odd types.
 * The key is ours to choose, by `kid` out of a map; nothing that the token says of itself is followed.
 */
export function openTokens(rules: JwtRules, clock: Clock): Tokens {
  checkJwtRules(rules);
  const findKey = openKeySource(rules, clock);
  const good = openProofCache<Proof>(MOST_KEPT, clock);
  return Object.freeze({
    check: (token: string) => {
      if (token.length > LONGEST_TOKEN)
        return fail('credential_invalid', { detail: 'The token is larger than 8 KiB.' });
      const id = hashSecret(token);
      const kept = good.get(id);
      if (kept !== undefined) return kept;
      const header = readHeader(token, rules.algorithms);
      if (isFailure(header)) return header;
      return then(findKey(header.kid), (answer) => {
        const key = pickKey(answer, header);
        if (isFailure(key)) return key;
        const read = readToken(token, header, key, rules, clock);
        if (isFailure(read)) return read;
        good.keep(id, read.caller, { freshMs: GOOD_MS, expiresAtMs: read.expiresAtMs });
        return read.caller;
      });
    },
  });
}

function openKeySource(rules: JwtRules, clock: Clock): Jwks['find'] {
  if (rules.trust.kind === 'jwks') return openJwks(rules.trust.url, clock).find;
  const only = Object.freeze({ key: readStaticKey(rules.trust), alg: undefined });
  return () => only;
}

function pickKey(answer: KeyAnswer, { alg }: JoseHeader): KeyObject | Failure {
  if (answer === 'unavailable') return fail('issuer_unreachable', { retryAfterS: 5 });
  // A key is for one algorithm (RFC 8725 section 3.1); where the issuer says which, it is that one.
  if (answer === 'unknown' || (answer.alg !== undefined && answer.alg !== alg))
    return fail('credential_invalid', {
      detail: 'The token is signed by a key that its issuer does not publish.',
    });
  return answer.key;
}

function readToken(token: string, header: JoseHeader, key: KeyObject, rules: JwtRules, clock: Clock) {
  const nowS = Math.floor(clock.wallMs() / 1000);
  try {
    const claims = jsonwebtoken.verify(token, key, {
      algorithms: [header.alg],
      issuer: rules.issuer,
      audience: rules.audience,
      clockTimestamp: nowS,
      clockTolerance: SKEW_S,
    });
    return readClaims(claims, {
      rules,
      nowS,
      skewS: SKEW_S,
      fallbackId: `jwt_${hashSecret(token).slice(0, 12)}`,
    });
  } catch (error) {
    if (error instanceof jsonwebtoken.TokenExpiredError) return fail('credential_expired');
    if (error instanceof jsonwebtoken.NotBeforeError)
      return fail('credential_invalid', { detail: 'The token is not valid yet (nbf).' });
    // Anything else that verify throws is about the token, too: a signature of the wrong length, a key of another type.
    return fail('credential_invalid');
  }
}
