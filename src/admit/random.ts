import { randomFillSync } from 'node:crypto';

// randomBytes costs 5 µs a call (Node 24.21), and every request wants three: the generator is asked once per page of bytes.
const page = Buffer.allocUnsafe(8 * 1024);
let used = page.length;

/** Random bytes as text; cryptographically strong. */
export function randomText(bytes: number, encoding: 'hex' | 'base64url'): string {
  if (used + bytes > page.length) {
    randomFillSync(page);
    used = 0;
  }
  used += bytes;
  return page.toString(encoding, used - bytes, used);
}
