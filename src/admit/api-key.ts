import { hash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type KeyRecord, RESERVED_SCOPE_PREFIX, type TenantName, type UserId } from '../vocabulary/index.ts';

/** Everything that begins so is one of our API keys, or pretends to be. */
export const KEY_PREFIX = 'byn_';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const SHOWN_LENGTH = 8;
const ENV = /^[a-z][a-z0-9]{0,15}$/;
const KEY = /^byn_[a-z][a-z0-9]{0,15}_[0-9A-Za-z]{38,64}$/;
// RFC 6749 section 3.3, shorter.
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/;
const MOST_SCOPES = 50;

export type KeyWish = Readonly<{
  /** Which installation it is for, for example `live` or `test`: up to 16 of [a-z0-9]. */
  env: string;
  tenant: TenantName;
  user: UserId;
  scopes: readonly string[];
  label: string;
  expiresAt: Date | undefined;
}>;

/** One sentence about a wish that cannot be met. */
export class KeyWishRefusal extends Error {
  override readonly name = 'KeyWishRefusal';
}

/** Makes a key. It is shown once, to whom it is for; the record is what is kept. Throws `KeyWishRefusal`. */
export function createApiKey(wish: KeyWish): { readonly key: string; readonly record: KeyRecord } {
  checkWish(wish);
  const random = Array.from({ length: RANDOM_LENGTH }, () => BASE62[randomInt(BASE62.length)]).join('');
  const body = `${KEY_PREFIX}${wish.env}_${random}`;
  const key = body + writeChecksum(body);
  const record = Object.freeze({
    id: body.slice(0, body.length - RANDOM_LENGTH + SHOWN_LENGTH),
    hash: hashSecret(key),
    tenant: wish.tenant,
    user: wish.user,
    scopes: Object.freeze([...new Set(wish.scopes)]),
    label: wish.label,
    createdAt: new Date(),
    expiresAt: wish.expiresAt,
    revokedAt: undefined,
  });
  return { key, record };
}

/** True if this can be a key at all. Tells a typing error without asking the store. */
export function isWellFormedKey(key: string): boolean {
  if (!KEY.test(key)) return false;
  const body = key.slice(0, -CHECKSUM_LENGTH);
  return key.endsWith(writeChecksum(body));
}

/** SHA-256 in hex. Enough for keys of 190 random bits: nothing can be guessed that a slow hash would have to protect. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

/** Scopes as a key or token may carry them; undefined where one is malformed or the gateway's own. */
export function readScopes(scopes: readonly string[]): readonly string[] | undefined {
  const isGood =
    scopes.length <= MOST_SCOPES &&
    scopes.every((scope) => SCOPE.test(scope) && !scope.toLowerCase().startsWith(RESERVED_SCOPE_PREFIX));
  return isGood ? Object.freeze([...new Set(scopes)]) : undefined;
}

function checkWish(wish: KeyWish): void {
  if (!ENV.test(wish.env) || wish.env === 'demo')
    throw new KeyWishRefusal(
      `"${wish.env}" cannot name an installation: use up to 16 of a-z and 0-9, beginning with a letter, and not "demo".`,
    );
  if (readScopes(wish.scopes) === undefined)
    throw new KeyWishRefusal(
      `A scope is up to 64 visible characters, and none may begin with "${RESERVED_SCOPE_PREFIX}": those are the gateway's own.`,
    );
  if (wish.expiresAt !== undefined && !(wish.expiresAt.getTime() > Date.now()))
    throw new KeyWishRefusal('The key would be expired from the start: choose a later time.');
}

// CRC32 of everything before it, in base 62, as GitHub's tokens have it: secret scanners can tell a real key from a random string.
function writeChecksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    text = BASE62[rest % BASE62.length] + text;
    rest = Math.floor(rest / BASE62.length);
  }
  return text;
}
