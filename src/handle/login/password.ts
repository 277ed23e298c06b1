import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);
const KEY_BYTES = 32;
// Bounds what one login can cost; Django 5 uses a million.
const MOST_ITERATIONS = 5_000_000;

type Hash = Readonly<{ iterations: number; salt: string; key: Buffer }>;

// What an unknown user's password is checked against, as expensive as the last real one.
let decoy: Hash = { iterations: 20_000, salt: 'decoy', key: Buffer.alloc(KEY_BYTES) };

/** Checks Django's `pbkdf2_sha256$<iterations>$<salt>$<base64>`. Without a hash it takes as long, and fails. */
export async function checkPassword(password: string, encoded: string | undefined): Promise<boolean> {
  const stored = encoded === undefined ? undefined : readHash(encoded);
  if (stored) decoy = { ...decoy, iterations: stored.iterations };
  const { iterations, salt, key } = stored ?? decoy;
  const tried = await derive(password, salt, iterations, KEY_BYTES, 'sha256');
  return timingSafeEqual(tried, key) && stored !== undefined;
}

// Anything else, such as Django's unusable passwords (`!…`), is no password.
function readHash(encoded: string): Hash | undefined {
  const [algorithm, iterations = '', salt = '', base64 = ''] = encoded.split('$');
  const key = Buffer.from(base64, 'base64');
  const fits = algorithm === 'pbkdf2_sha256' && /^[1-9]\d{0,6}$/.test(iterations) && salt !== '';
  if (!fits || Number(iterations) > MOST_ITERATIONS || key.length !== KEY_BYTES) return undefined;
  return { iterations: Number(iterations), salt, key };
}
