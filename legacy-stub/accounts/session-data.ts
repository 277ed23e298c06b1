import { createHash, createHmac, randomInt } from 'node:crypto';
import { inflateSync } from 'node:zlib';

/** What Django's login() puts into a session. */
export type SessionData = Readonly<{
  _auth_user_id: string;
  _auth_user_backend: string;
  _auth_user_hash: string;
}>;

const SALT = 'django.contrib.sessions.SessionStore';
const HASH_SALT = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash';
const BACKEND = 'django.contrib.auth.backends.ModelBackend';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SESSION_KEY_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

export function createSessionKey(): string {
  return randomText(SESSION_KEY_LETTERS, 32);
}

export function randomText(letters: string, length: number): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('');
}

/** Django's `salted_hmac`: the key is the hash of salt and secret, so that no two uses of a secret share a key. */
function saltedHmac(salt: string, secret: string, value: string) {
  const key = createHash('sha256').update(`${salt}${secret}`).digest();
  return createHmac('sha256', key).update(value);
}

/** Ties a session to the password: a new password ends every session. */
export function hashForSession(password: string, secret: string): string {
  return saltedHmac(HASH_SALT, secret, password).digest('hex');
}

/** Writes session_data as Django's `signing.dumps(data, salt=…)` does. */
export function encodeSession(
  user: Readonly<{ id: number; password: string }>,
  secret: string,
  nowMs: number,
): string {
  const data: SessionData = {
    _auth_user_id: String(user.id),
    _auth_user_backend: BACKEND,
    _auth_user_hash: hashForSession(user.password, secret),
  };
  const payload = Buffer.from(JSON.stringify(data)).toString('base64url');
  const stamped = `${payload}:${toBase62(Math.floor(nowMs / 1000))}`;
  return `${stamped}:${sign(stamped, secret)}`;
}

/** Undefined where the signature or the form is wrong. Takes the deflated form, too, which Django writes for long sessions. */
export function decodeSession(text: string, secret: string): Partial<SessionData> | undefined {
  const cut = text.lastIndexOf(':');
  const stamped = text.slice(0, cut);
  if (cut < 0 || text.slice(cut + 1) !== sign(stamped, secret)) return undefined;
  const payload = stamped.slice(0, stamped.lastIndexOf(':'));
  const bytes = Buffer.from(payload.replace(/^\./, ''), 'base64url');
  try {
    const json = payload.startsWith('.') ? inflateSync(bytes, { maxOutputLength: 65_536 }) : bytes;
    return JSON.parse(json.toString()) as Partial<SessionData>;
  } catch {
    return undefined;
  }
}

function sign(stamped: string, secret: string): string {
  return saltedHmac(`${SALT}signer`, secret, stamped).digest('base64url');
}

function toBase62(value: number): string {
  const last = BASE62[value % 62] ?? '';
  return value < 62 ? last : toBase62(Math.floor(value / 62)) + last;
}
