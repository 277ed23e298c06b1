import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { Clock } from './clock.ts';
import { isStrongEnough } from './jwt-rules.ts';

export type VerifyKey = Readonly<{ key: KeyObject; alg: string | undefined }>;
/** `unavailable`: nothing was ever fetched, so nobody can say. */
export type KeyAnswer = VerifyKey | 'unknown' | 'unavailable';

export type Jwks = Readonly<{
  /** At once where the key is known. A token without `kid` is answered only while the issuer has one single key. */
  find(kid: string | undefined): KeyAnswer | Promise<KeyAnswer>;
}>;

const FRESH_MS = 600_000;
// While tokens come, the refresh runs behind them. After a pause the first one waits for it, so that a key that was withdrawn in the
// meantime is not believed once more.
const PAUSED_MS = 660_000;
// An unknown kid asks the issuer again, but strangers choose kids: no more often than this.
const RETRY_MS = 10_000;
const PATIENCE_MS = 5_000;
const LARGEST_BYTES = 256 * 1024;
const MOST_KEYS = 100;

/** The issuer's keys, fetched when first needed, refreshed behind the scenes, and the last good set kept whatever happens. */
export function openJwks(url: string, clock: Clock): Jwks {
  let keys: ReadonlyMap<string, VerifyKey> | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  let loadedMs = Number.NEGATIVE_INFINITY;
  let loading: Promise<void> | undefined;

  const load = async () => {
    try {
      keys = await fetchKeys(url);
      loadedMs = clock.steadyMs();
    } catch {
      // The last good set stays; who needs more is told that it cannot be said.
    } finally {
      loading = undefined;
    }
  };
  const refresh = (): Promise<void> | undefined => {
    if (loading === undefined && clock.steadyMs() - askedMs >= RETRY_MS) {
      askedMs = clock.steadyMs();
      loading = load();
    }
    return loading;
  };
  const look = (kid: string | undefined): KeyAnswer => {
    if (keys === undefined) return 'unavailable';
    if (kid !== undefined) return keys.get(kid) ?? 'unknown';
    const [only] = keys.values();
    return keys.size === 1 && only !== undefined ? only : 'unknown';
  };
  return Object.freeze({
    find: (kid: string | undefined) => {
      const known = look(kid);
      if (typeof known === 'object' && clock.steadyMs() - loadedMs <= FRESH_MS) return known;
      const hasPaused = clock.steadyMs() - askedMs > PAUSED_MS;
      const refreshing = refresh();
      if (typeof known === 'object' && !hasPaused) return known;
      return refreshing?.then(() => look(kid)) ?? known;
    },
  });
}

async function fetchKeys(url: string): Promise<ReadonlyMap<string, VerifyKey>> {
  const answer = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!answer.ok) throw new Error(`the issuer answered ${answer.status}`);
  const set: unknown = JSON.parse(await readBounded(answer));
  const list = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  const entries = Array.isArray(list) ? list.slice(0, MOST_KEYS).flatMap(readKey) : [];
  // An empty set would lock everybody out: more likely a mistake than a wish.
  if (entries.length === 0) throw new Error('the issuer publishes no usable key');
  return new Map(entries);
}

async function readBounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > LARGEST_BYTES) throw new Error('the key set is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// Only public RSA and EC keys for signatures: a symmetric key in a public place is no key (RFC 8725 section 3.1).
function readKey(value: unknown): readonly (readonly [string, VerifyKey])[] {
  if (typeof value !== 'object' || value === null) return [];
  const { kty, use, kid = '', alg, key_ops, d } = value as Record<string, unknown>;
  const isMeant =
    (kty === 'RSA' || kty === 'EC') &&
    (use === undefined || use === 'sig') &&
    (key_ops === undefined || (Array.isArray(key_ops) && key_ops.includes('verify'))) &&
    typeof kid === 'string' &&
    (alg === undefined || typeof alg === 'string') &&
    d === undefined;
  if (!isMeant) return [];
  const key = tryCreateKey(value as JsonWebKey);
  return key !== undefined && isStrongEnough(key) ? [[kid, { key, alg }]] : [];
}

function tryCreateKey(key: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    return undefined;
  }
}
