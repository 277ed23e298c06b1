import { type Failure, fail } from '../vocabulary/index.ts';

const NEVER_ARRIVED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** True for methods that change nothing (RFC 9110 section 9.2.1). */
export const isSafe = (method: string) => SAFE_METHODS.has(method);

export class LegacyTooSlow extends Error {}
export class BodyTooLarge extends Error {}

/** Turns what undici or the socket reported into a failure of the closed list; the error's own text goes no further. */
export function nameLegacyFailure(error: unknown, method: string): Failure {
  if (error instanceof LegacyTooSlow)
    return fail('legacy_too_slow', { retrySafe: isSafe(method), retryAfterS: 5 });
  if (error instanceof BodyTooLarge) return fail('body_too_large');
  if (NEVER_ARRIVED.has(codeOf(error)))
    return fail('legacy_unreachable', { retrySafe: true, retryAfterS: 2 });
  return fail('legacy_broken_answer', { retrySafe: isSafe(method) });
}

/**
 * True where the request was lost in the race between our reuse of an idle connection and legacy's closing of it (RFC 9112 section 9.3.1):
 * only then is one more try fair, and only for a request that changes nothing.
 */
export function wasStaleConnection(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== 'UND_ERR_SOCKET' && code !== 'ECONNRESET' && code !== 'EPIPE') return false;
  const socket = (error as { socket?: { bytesRead?: number } }).socket;
  return (socket?.bytesRead ?? 0) > 0;
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}
