import {
  type Credential,
  type Emit,
  fail,
  type KeyBook,
  type KeyRecord,
  RESERVED_SCOPE_PREFIX,
  type TenantName,
} from '../vocabulary/index.ts';
import { hashSecret, isWellFormedKey } from './api-key.ts';
import type { Clock } from './clock.ts';
import { openDemoKeys, readDemoKey } from './demo-key.ts';
import { type Denials, openDenials } from './denials.ts';
import type { Eventual } from './eventual.ts';
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

export type KeyRing = Readonly<{
  /** `kept` is the same for each request of one connection that shows this key again. */
  check(key: string, kept?: Credential): Eventual<Proof>;
  close(): void;
}>;

/** Whose API key is this? The denials are asked first, then the cache, its checksum, and last the store, once for all who wait. */
export function openKeyRing(wish: KeyRingWish): KeyRing {
  const checkDemoKey = wish.demoKeys === 'accepted' ? openDemoKeys(wish) : undefined;
  const denials = wish.keys && watchRevocations(wish.keys, wish);
  const lookup = wish.keys && denials && openLookup(wish.keys, denials, wish);
  return Object.freeze({
    check: (key: string, kept?: Credential) => {
      const demoTenant = readDemoKey(key);
      if (demoTenant !== undefined && checkDemoKey !== undefined) return checkDemoKey(demoTenant);
      if (lookup === undefined) return fail('credential_invalid');
      return lookup(key, kept === undefined ? hashSecret(key) : hashKept(kept));
    },
    close: () => denials?.close(),
  });
}

/** To hash it is 1.5 µs. The credential is gone with its connection, and its hash with it. */
const hashes = new WeakMap<Credential, string>();

function hashKept(credential: Credential): string {
  const known = hashes.get(credential);
  if (known !== undefined) return known;
  const fresh = hashSecret(credential.secret);
  hashes.set(credential, fresh);
  return fresh;
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
  return (key: string, hash: string): Eventual<Proof> => {
    if (denials.has(hash)) return fail('credential_revoked');
    const known = good.get(hash) ?? bad.get(hash);
    if (known !== undefined) return known;
    return isWellFormedKey(key) ? share(hash, () => look(hash)) : fail('credential_invalid');
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
