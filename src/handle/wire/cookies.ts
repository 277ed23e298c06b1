const YEAR_S = 31_449_600;
const TWO_WEEKS_S = 1_209_600;

export const SESSION_S = TWO_WEEKS_S;

/** The last value of a cookie without the quotes around it, as Django's `parse_cookie` finds it. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  const found = (header ?? '')
    .split(';')
    .findLast((pair) => pair.slice(0, pair.indexOf('=')).trim() === name);
  return found
    ?.slice(found.indexOf('=') + 1)
    .trim()
    .replace(/^"(.*)"$/, '$1');
}

export function writeCsrfCookie(token: string, nowMs: number): string {
  return `csrftoken=${token}; expires=${writeDate(nowMs, YEAR_S)}; Max-Age=${YEAR_S}; Path=/; SameSite=Lax`;
}

export function writeSessionCookie(key: string, nowMs: number): string {
  return `sessionid=${key}; expires=${writeDate(nowMs, SESSION_S)}; HttpOnly; Max-Age=${SESSION_S}; Path=/; SameSite=Lax`;
}

export const DELETED_SESSION_COOKIE =
  'sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax';

function writeDate(nowMs: number, seconds: number): string {
  return new Date(nowMs + seconds * 1000).toUTCString();
}
