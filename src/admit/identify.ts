import {
  type AdmitPolicy,
  type Arrival,
  type Caller,
  type Credential,
  type Failure,
  fail,
  isFailure,
  type KnownCaller,
  type TenantName,
} from '../vocabulary/index.ts';
import { KEY_PREFIX } from './api-key.ts';
import { allOf, type Eventual, then } from './eventual.ts';
import type { Tokens } from './jwt.ts';
import type { KeyRing } from './key-ring.ts';
import type { Proof } from './proof-cache.ts';
import type { SessionProof, Sessions } from './session.ts';

export type Witnesses = Readonly<{ keyRing: KeyRing; tokens: Tokens | undefined; sessions: Sessions }>;

/**
 * Who is this, and may they come in? Keys and tokens speak before the session. All that speak must name one tenant, and the host must not
 * name another; the first names the user.
 */
export function identify(
  witnesses: Witnesses,
  arrival: Arrival,
  policy: AdmitPolicy,
): Eventual<Caller | Failure> {
  const shown = arrival.credentials.filter(({ kind }) => kind !== 'session');
  const isKept = arrival.form !== undefined;
  return then(allOf(shown.map((credential) => checkShown(witnesses, credential, isKept))), (proofs) => {
    const failure = proofs.find(isFailure);
    if (failure !== undefined && policy !== 'public') return failure;
    const callers = proofs.filter((proof) => proof.kind === 'known');
    const [first] = callers;
    if (first !== undefined) return agree(first, callers, arrival.hostTenant);
    return then(checkSession(witnesses, arrival), (proof) => admitSession(proof, arrival, policy));
  });
}

function checkShown(
  { keyRing, tokens }: Witnesses,
  credential: Credential,
  isKept: boolean,
): Eventual<Proof> {
  const { kind, secret } = credential;
  if (kind === 'api_key' || secret.startsWith(KEY_PREFIX))
    return keyRing.check(secret, isKept ? credential : undefined);
  return tokens?.check(secret) ?? fail('credential_invalid');
}

function agree(
  first: KnownCaller,
  callers: readonly KnownCaller[],
  hostTenant: TenantName | undefined,
): KnownCaller | Failure {
  const { tenant } = first;
  const isAgreed = callers.every((caller) => caller.tenant === tenant);
  return isAgreed && (hostTenant ?? tenant) === tenant ? first : fail('tenant_contradiction');
}

// A session key means nothing without its tenant, and only the host can name it.
function checkSession({ sessions }: Witnesses, arrival: Arrival): Eventual<SessionProof | undefined> {
  const session = arrival.credentials.find(({ kind }) => kind === 'session');
  if (session === undefined || arrival.hostTenant === undefined) return undefined;
  return sessions.check(arrival, arrival.hostTenant, session.secret);
}

// Somebody who is logged in must not silently become nobody: where it cannot be said whose session it is, only a public route goes on.
function admitSession(
  proof: SessionProof | undefined,
  arrival: Arrival,
  policy: AdmitPolicy,
): Caller | Failure {
  if (proof?.kind === 'known') return proof;
  if (proof?.kind === 'failure' && policy !== 'public') return proof;
  if (policy === 'required') return fail('credential_missing');
  return Object.freeze({ kind: 'anonymous', tenant: arrival.hostTenant });
}
