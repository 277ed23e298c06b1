import {
  type Emit,
  type Failure,
  fail,
  type KeyBook,
  type KeyRecord,
  parseUserId,
  RESERVED_SCOPE_PREFIX,
  type TenantName,
} from '../vocabulary/index.ts';
import { hashSecret, isWellFormedKey, KEY_PREFIX, readDemoKey } from './api-key.ts';
import type { Clock } from './clock.ts';
import { type Denials, openDenials } from './denials.ts';
import { type Eventual, then } from './eventual.ts';
import { openProofCache, type Proof, type ProofCache } from './proof-cache.ts';
import { openSingleFlight } from './single-flight.ts';
import { tellTrouble } from './trouble.ts';

const GOOD_MS = 60_000;
// Short: a key that somebody tried before it was added works soon after.
const BAD_MS = 5_000;
const MOST_GOOD = 20_000;
const MOST_BAD = 10_000;

export type KeyRingWish = Readonly<{
  keys: KeyBook | undefined;
  demoKeys: 'accepted' | 'refused';
  isTenant: (name: TenantName) => Eventual<boolean>;
  emit: Emit;
  clock: Clock;
}>;

export type KeyRing = Readonly<{ check(key: string): Eventual<Proof>; close(): void }>;

/** Whose API key is this? The checksum is asked first, then the denials, the cache, and last the store, once for all who wait. */
export function openKeyRing(wish: KeyRingWish): KeyRing {
  const denials = wish.keys && watchRevocations(wish.keys, wish);
  const lookup = wish.keys && denials && openLookup(wish.keys, denials, wish);
  return Object.freeze({
    check: (key: string) => {
      const demoTenant = readDemoKey(key);
      if (demoTenant !== undefined && wish.demoKeys === 'accepted') return checkDemoKey(demoTenant, wish);
      if (lookup === undefined || !isWellFormedKey(key)) return fail('credential_invalid');
      return lookup(hashSecret(key));
    },
    close: () => denials?.close(),
  });
}

function watchRevocations(keys: KeyBook, { clock, emit }: KeyRingWish): Denials {
  const source = {
    deniedSince: (since: Date) => keys.revokedSince(since),
    where: 'admit: revoked keys',
    firstLookMs: 120_000,
  };
  return openDenials(source, clock, emit);
}

function openLookup(keys: KeyBook, denials: Denials, { clock, emit }: KeyRingWish) {
  const good = openProofCache<Proof>(MOST_GOOD, clock);
  const bad = openProofCache<Proof>(MOST_BAD, clock);
  const share = openSingleFlight<Proof>();
  const look = async (hash: string): Promise<Proof> => {
    try {
      const record = await keys.find(hash);
      // Revoked while we were asking: the answer may be older than the denial.
      if (denials.has(hash)) return fail('credential_revoked');
      return remember({ good, bad }, hash, record, clock);
    } catch (error) {
      return tellTrouble(error, 'admit: API keys', emit);
    }
  };
  return (hash: string): Eventual<Proof> => {
    if (denials.has(hash)) return fail('credential_revoked');
    return good.get(hash) ?? bad.get(hash) ?? share(hash, () => look(hash));
  };
}

type Caches = Readonly<{ good: ProofCache<Proof>; bad: ProofCache<Proof> }>;

function remember({ good, bad }: Caches, hash: string, record: KeyRecord | undefined, clock: Clock): Proof {
  const proof = judge(record, clock);
  if (proof.kind === 'known')
    good.keep(hash, proof, { freshMs: GOOD_MS, expiresAtMs: record?.expiresAt?.getTime() });
  else bad.keep(hash, proof, { freshMs: BAD_MS });
  return proof;
}

function judge(record: KeyRecord | undefined, clock: Clock): Proof {
  if (record === undefined) return fail('credential_invalid');
  if (record.revokedAt !== undefined) return fail('credential_revoked');
  if (record.expiresAt !== undefined && record.expiresAt.getTime() <= clock.wallMs())
    return fail('credential_expired');
  return Object.freeze({
    kind: 'known',
    tenant: record.tenant,
    user: record.user,
    scopes: Object.freeze(record.scopes.filter((scope) => !scope.startsWith(RESERVED_SCOPE_PREFIX))),
    by: 'api_key',
    credentialId: record.id,
  });
}

function checkDemoKey(tenant: TenantName, { isTenant, emit }: KeyRingWish): Eventual<Proof> {
  const judgeTenant = (exists: boolean): Proof => (exists ? makeDemoCaller(tenant) : refuseDemoTenant());
  try {
    const answer = then(isTenant(tenant), judgeTenant);
    return answer instanceof Promise
      ? answer.catch((error: unknown) => tellTrouble(error, 'admit: tenants', emit))
      : answer;
  } catch (error) {
    return tellTrouble(error, 'admit: tenants', emit);
  }
}

function makeDemoCaller(tenant: TenantName): Proof {
  const user = parseUserId(1);
  if (user === undefined) throw new Error('1 is a user id');
  return Object.freeze({
    kind: 'known',
    tenant,
    user,
    scopes: Object.freeze(['read', 'write']),
    by: 'api_key',
    credentialId: `${KEY_PREFIX}demo_${tenant}`,
  });
}

function refuseDemoTenant(): Failure {
  return fail('credential_invalid', { detail: 'No demo tenant has the name in this demo key.' });
}
