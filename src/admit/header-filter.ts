import type { Credential } from '../vocabulary/index.ts';
import { type Head, type HeaderLine, readList } from './head.ts';

// CGI, WSGI and PHP fold `_` and `.` into `-`: a name outside this alphabet is a spoofed twin of one inside it (faults row 21).
const PLAIN_NAME = /^[a-z0-9-]+$/;

/** By these a client could claim what only the gateway may say. `x-banyan-…` is one of them, whatever follows. */
const IDENTITY = new Set([
  'x-tenant-id',
  'x-user-id',
  'x-identity-tag',
  'x-request-id',
  'traceparent',
  'tracestate',
  'x-served-by',
]);
const IDENTITY_PREFIX = 'x-banyan-';

/** RFC 9110 section 7.6.1, and what is met or done anew by the gateway itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Where a proxy in front says whence the request came, and what frameworks take over a path or an address from. `proxy`: CVE-2016-5385. */
const ORIGIN = new Set([
  'forwarded',
  'proxy',
  'x-original-host',
  'x-original-url',
  'x-real-ip',
  'x-rewrite-url',
]);
const ORIGIN_PREFIX = 'x-forwarded';

/** Listed in `Connection` or not, these stay: without them the rest would be read differently (faults row 12). */
const NOT_NOMINABLE = new Set(['content-length', 'via']);

/** What may go on, name and value in turn, in the order in which it came. */
export function filterHeaders(head: Head, credentials: readonly Credential[]): string[] {
  const nominated = new Set(readList(head, 'connection').map((name) => name.toLowerCase()));
  const passed: string[] = [];
  for (const line of head.lines) {
    const stays = NOT_NOMINABLE.has(line.lower) || !nominated.has(line.lower);
    if (stays && mayGoOn(line) && !isOwnKey(line, credentials)) passed.push(line.name, line.value);
  }
  return passed;
}

function mayGoOn({ lower }: HeaderLine): boolean {
  return (
    PLAIN_NAME.test(lower) &&
    !HOP_BY_HOP.has(lower) &&
    !IDENTITY.has(lower) &&
    !ORIGIN.has(lower) &&
    !lower.startsWith(IDENTITY_PREFIX) &&
    !lower.startsWith(ORIGIN_PREFIX)
  );
}

// Our own API keys end here: behind the gateway the tag speaks for the caller, and a key that a side never sees, no side can leak.
// Legacy's own tokens (JWTs, Basic, DRF's `Token …`) go on as they came.
function isOwnKey({ lower, value }: HeaderLine, credentials: readonly Credential[]): boolean {
  if (lower !== 'authorization' && lower !== 'x-api-key') return false;
  return credentials.some(
    ({ kind, secret }) => kind !== 'session' && secret.startsWith('byn_') && value.endsWith(secret),
  );
}
