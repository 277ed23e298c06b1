import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** The secret in this file, made on first use. Only its owner may read it. */
export function keepSecret(file: string, create: () => string = createToken): string {
  if (!existsSync(file)) writeFileSync(file, `${create()}\n`, { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

const createToken = () => randomBytes(24).toString('base64url');

/** 32 random bytes. */
export const createKey = () => randomBytes(32).toString('base64url');
