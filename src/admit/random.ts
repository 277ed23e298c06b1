import { randomFillSync } from 'node:crypto';

// randomBytes costs 5 µs a call (Node 24.21), and every request wants three: the generator is asked once per page of bytes.
const page = Buffer.allocUnsafe(8 * 1024);
let used = page.length;

// Most of it is wanted in hex, and written so once per page, too.
const hexPage = Buffer.allocUnsafe(1024);
let hex = '';
let hexUsed = 0;

/** Random bytes as text; cryptographically strong. */
export function randomText(bytes: number, encoding: 'hex' | 'base64url'): string {
  if (encoding === 'hex') return randomHex(2 * bytes);
  if (used + bytes > page.length) {
    randomFillSync(page);
    used = 0;
  }
  used += bytes;
  return page.toString(encoding, used - bytes, used);
}

function randomHex(digits: number): string {
  if (hexUsed + digits > hex.length) {
    hex = randomFillSync(hexPage).toString('hex');
    hexUsed = 0;
  }
  hexUsed += digits;
  return hex.slice(hexUsed - digits, hexUsed);
}
