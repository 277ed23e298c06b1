import { createHash, createHmac, type Hmac } from 'node:crypto';

const SALT = 'django.contrib.sessions.SessionStore';
const HASH_SALT = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash';
const BACKEND = 'django.contrib.auth.backends.ModelBackend';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `session_data` as Django's login() and `signing.dumps` write it, so that a row that is moved back is good there. */
export function encodeSession(
  user: Readonly<{ id: number; password: string }>,
  secretKey: string,
  nowMs: number,
): string {
  const data = {
    _auth_user_id: String(user.id),
    _auth_user_backend: BACKEND,
    _auth_user_hash: saltedHmac(HASH_SALT, secretKey, user.password).digest('hex'),
  };
  const payload = Buffer.from(JSON.stringify(data)).toString('base64url');
  const stamped = `${payload}:${writeBase62(Math.floor(nowMs / 1000))}`;
  return `${stamped}:${saltedHmac(`${SALT}signer`, secretKey, stamped).digest('base64url')}`;
}

/** Django's `salted_hmac`: no two uses of the secret share a key. */
function saltedHmac(salt: string, secretKey: string, value: string): Hmac {
  const key = createHash('sha256').update(`${salt}${secretKey}`).digest();
  return createHmac('sha256', key).update(value);
}

function writeBase62(value: number): string {
  const last = BASE62[value % 62] ?? '';
  return value < 62 ? last : writeBase62(Math.floor(value / 62)) + last;
}
