import { type Failure, fail, type KnownCaller, parseTenantName, parseUserId } from '../vocabulary/index.ts';
import { readScopes } from './api-key.ts';
import type { JwtRules } from './jwt-rules.ts';

const LONGEST_LIFE_S = 86_400;
const TOKEN_ID = /^[A-Za-z0-9._:-]{1,64}$/;

type Reading = Readonly<{ rules: JwtRules; nowS: number; skewS: number; fallbackId: string }>;

/** What a token says once its signature, issuer, audience and times have been verified. Every claim that we use must be there and plain. */
export function readClaims(
  claims: unknown,
  { rules, nowS, skewS, fallbackId }: Reading,
): Readonly<{ caller: KnownCaller; expiresAtMs: number }> | Failure {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    return fail('credential_invalid');
  const read = (name: string): unknown =>
    Object.hasOwn(claims, name) ? (claims as Record<string, unknown>)[name] : undefined;
  const [exp, iat] = [read('exp'), read('iat')];
  if (!isTime(exp) || !isTime(iat)) return refuse('The token needs the claims exp and iat, as numbers.');
  if (iat > nowS + skewS) return refuse('The token was issued in the future (iat).');
  if (exp - iat > LONGEST_LIFE_S)
    return refuse('The token lives longer than 24 hours. Ask for one that lives shorter.');
  const subject = read('sub');
  if (typeof subject !== 'string') return refuse('The token needs the claim sub, as a string.');
  const userClaim = rules.claims?.user ?? 'sub';
  const tenantClaim = rules.claims?.tenant ?? 'tenant';
  const user = parseUserId(read(userClaim));
  const tenant = parseTenantName(read(tenantClaim));
  if (user === undefined) return refuse(`The claim ${userClaim} is not a user's number.`);
  if (tenant === undefined) return refuse(`The claim ${tenantClaim} is not a tenant's name.`);
  const scopes = readScopeClaims(read('scope'), read('scp'));
  if (scopes === undefined) return refuse('The claim scope is not a list of scopes that a token may carry.');
  const id = read('jti');
  const credentialId = typeof id === 'string' && TOKEN_ID.test(id) ? id : fallbackId;
  const caller = Object.freeze({
    kind: 'known',
    tenant,
    user,
    scopes,
    by: 'jwt',
    credentialId,
  } satisfies KnownCaller);
  return { caller, expiresAtMs: exp * 1000 };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

// `scope` (RFC 8693 section 4.2), or `scp` as some issuers call it: strings, separated by spaces.
function readScopeClaims(...values: readonly unknown[]): readonly string[] | undefined {
  const given = values.filter((value) => value !== undefined);
  if (!given.every((value) => typeof value === 'string')) return undefined;
  return readScopes(given.flatMap((value) => value.split(' ')).filter((scope) => scope !== ''));
}

function refuse(detail: string): Failure {
  return fail('credential_invalid', { detail });
}
