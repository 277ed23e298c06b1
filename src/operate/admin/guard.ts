import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { REPORT_STYLE_SOURCE } from '../diffs/report/report.ts';

const CONSOLE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // The report carries its style sheet; the console shows it from memory, where the console's own policy holds.
  `style-src 'self' ${REPORT_STYLE_SOURCE}`,
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** On every answer of the admin door, the console's pages included. */
export const SECURITY_HEADERS = {
  'Content-Security-Policy': CONSOLE_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/**
 * Compares digests, so that neither the token's length nor its first wrong character shows in the time taken.
 * The header is the only place where a token is looked for: no cookie, so no forged cross-site request carries it.
 */
export function openTokenCheck(token: string): (authorization: string | undefined) => boolean {
  const wanted = digest(token);
  return (authorization) => {
    const sent = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
    return sent !== undefined && timingSafeEqual(digest(sent), wanted);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Against DNS rebinding: a page on `evil.example` can point its own name at 127.0.0.1 and then talk to us as its own origin,
 * but its requests still carry that name. An IP literal cannot be rebound.
 */
export function openHostCheck(allowed: readonly string[]): (host: string | undefined) => boolean {
  const names = new Set(['localhost', ...allowed.map((name) => name.toLowerCase())]);
  return (host) => {
    const name = parseHostname(host);
    return name !== undefined && (names.has(name) || name.endsWith('.localhost') || isIP(name) !== 0);
  };
}

function parseHostname(host: string | undefined): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (found?.[1] ?? found?.[2])?.toLowerCase();
}
