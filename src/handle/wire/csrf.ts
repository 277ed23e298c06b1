import { timingSafeEqual } from 'node:crypto';
import type { Caller } from '../../vocabulary/index.ts';
import { readCookie } from './cookies.ts';

type Header = (name: string) => string | undefined;
type Asked = Readonly<{ caller: Caller; method: string; header: Header }>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Whether a request passes Django's CSRF check. Only a browser's session can be abused across sites: keys and tokens need none. */
export function passesCsrf({ caller, method, header }: Asked): boolean {
  if (!isSession(caller) || SAFE.has(method)) return true;
  const cookie = readCookie(header('cookie'), 'csrftoken') ?? '';
  const sent = header('x-csrftoken') ?? '';
  return cookie !== '' && isEqual(cookie, sent);
}

/** A socket's handshake is a GET with a session's power: a page of another site must not open one. */
export function passesOrigin(caller: Caller, origin: string | undefined, host: string): boolean {
  if (!isSession(caller) || origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

function isSession(caller: Caller): boolean {
  return caller.kind === 'known' && caller.by === 'session';
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
