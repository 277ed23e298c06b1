import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);
// Django 5 uses a million; a demo that logs in hundreds of times in its tests does not want to.
const ITERATIONS = 20_000;

/** Makes Django's `pbkdf2_sha256$<iterations>$<salt>$<base64>`. */
export async function hashPassword(password: string, salt: string): Promise<string> {
  const hash = await derive(password, salt, ITERATIONS, 32, 'sha256');
  return `pbkdf2_sha256$${ITERATIONS}$${salt}$${hash.toString('base64')}`;
}

/** False also for what is no pbkdf2_sha256 hash, such as Django's unusable passwords (`!…`). */
export async function checkPassword(password: string, encoded: string): Promise<boolean> {
  const [algorithm, iterations = '', salt, hash] = encoded.split('$');
  if (algorithm !== 'pbkdf2_sha256' || !/^[1-9]\d{0,7}$/.test(iterations) || !salt || !hash) return false;
  const stored = Buffer.from(hash, 'base64');
  const tried = await derive(password, salt, Number(iterations), 32, 'sha256');
  return stored.length === tried.length && timingSafeEqual(stored, tried);
}
