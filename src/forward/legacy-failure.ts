import { type Failure, fail } from '../vocabulary/index.ts';

// What undici says of a request that it will not even send, as `UnsendableQuestion` does: no fault of legacy's.
const NEVER_TRIED = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** True for methods that change nothing (RFC 9110 section 9.2.1). */
export const isSafe = (method: string) => SAFE_METHODS.has(method);

export class LegacyTooSlow extends Error {}
export class BodyTooLarge extends Error {}
/** A head that would say something else to legacy than to us. */
export class UnsendableQuestion extends Error {}
/** What legacy says is not HTTP, or ends too early. */
export class BrokenAnswer extends Error {}
/**
 * The connection had carried an answer before and ended without a byte of one to this question: the race between our reuse of an idle
 * connection and legacy's closing of it (RFC 9112 section 9.3.1).
 */
export class StaleLine extends Error {}

/** How far the question had come: `kept` has not left us, `sent` may have been read by legacy. */
export type Progress = 'kept' | 'sent';

/** Turns what undici or the socket reported into a failure of the closed list; the error's own text goes no further. */
export function nameLegacyFailure(error: unknown, method: string, progress: Progress): Failure {
  const retrySafe = progress === 'kept' || isSafe(method);
  if (error instanceof LegacyTooSlow) return fail('legacy_too_slow', { retrySafe, retryAfterS: 5 });
  if (error instanceof BodyTooLarge) return fail('body_too_large');
  if (error instanceof UnsendableQuestion || NEVER_TRIED.has(codeOf(error))) return fail('internal_error');
  // No connection could be had, whatever the reason: refused, no such name, no good certificate.
  if (progress === 'kept') return fail('legacy_unreachable', { retryAfterS: 2 });
  return fail('legacy_broken_answer', { retrySafe });
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}
