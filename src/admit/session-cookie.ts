import { SESSION_COOKIE } from './credentials.ts';

/** What an answer does to the session that the request came with. */
export function endsSession(setCookies: readonly string[], sessionKey: string): boolean {
  const value = setCookies.map(readSessionValue).findLast((found) => found !== undefined);
  // Deleted (an empty value), or replaced: Django then drops the old row (`flush`, `cycle_key`).
  return value !== undefined && value !== sessionKey;
}

function readSessionValue(setCookie: string): string | undefined {
  const pair = setCookie.split(';', 1)[0] ?? '';
  const at = pair.indexOf('=');
  if (at < 0 || pair.slice(0, at).trim() !== SESSION_COOKIE) return undefined;
  return pair
    .slice(at + 1)
    .trim()
    .replace(/^"(.*)"$/, '$1');
}
