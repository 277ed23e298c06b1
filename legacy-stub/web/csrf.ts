import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { IdentityTag } from '../verify-identity-tag.ts';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

/** Only a browser's session can be abused from another site: keys and tokens need no CSRF token. */
export function failsCsrf(request: IncomingMessage, tag: IdentityTag): boolean {
  if (tag.by !== 'session' || SAFE_METHODS.includes(request.method ?? '')) return false;
  const cookie = Buffer.from(readCookie(request, 'csrftoken') ?? '');
  const header = Buffer.from(String(request.headers['x-csrftoken'] ?? ''));
  return cookie.length === 0 || cookie.length !== header.length || !timingSafeEqual(cookie, header);
}

/** The last cookie of that name, as Python's SimpleCookie keeps it, without the quotes around it. */
export function readCookie(request: IncomingMessage, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((part) => part.trim().split('='));
  const found = pairs.findLast(([key]) => key === name);
  return found
    ?.slice(1)
    .join('=')
    .replace(/^"(.*)"$/, '$1');
}
