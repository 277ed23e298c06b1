import { type Credential, type Failure, fail } from '../vocabulary/index.ts';
import type { Head } from './head.ts';

const BEARER = /^bearer(?: +(.*))?$/i;
// Django's own keys are 32 of [a-z0-9]; other backends write a little more.
const SESSION_KEY = /^[A-Za-z0-9_-]{8,128}$/;
export const SESSION_COOKIE = 'sessionid';

/**
 * Everything by which the caller may be known, in the order in which it counts. Headers only: a token in the URL is never read.
 * Two different values of one header have no order, so they are refused.
 */
export function collectCredentials(head: Head): readonly Credential[] | Failure {
  const authorizations = listDistinct(head.all('authorization'));
  const keys = listDistinct(head.all('x-api-key'));
  if (authorizations.length > 1 || keys.length > 1)
    return fail('credential_invalid', { detail: 'The request carries two different credentials. Send one.' });
  const credentials: Credential[] = [];
  for (const value of authorizations) {
    // Other schemes (Basic, Token) are legacy's own business.
    const bearer = BEARER.exec(value);
    if (bearer !== null) credentials.push({ kind: 'bearer', secret: bearer[1] ?? '' });
  }
  for (const secret of keys) credentials.push({ kind: 'api_key', secret });
  const session = readSessionCookie(head.all('cookie'));
  if (session !== undefined) credentials.push({ kind: 'session', secret: session });
  return credentials;
}

function listDistinct(values: readonly string[]): readonly string[] {
  if (values.length === 0) return values;
  if (values.length === 1) return [values[0]?.trim() ?? ''];
  return [...new Set(values.map((value) => value.trim()))];
}

// Sides differ in which of two cookies of one name they take, and a neighbouring subdomain can plant one: two different keys are none.
function readSessionCookie(cookies: readonly string[]): string | undefined {
  const keys = new Set<string>();
  for (const cookie of cookies) {
    if (!cookie.includes(SESSION_COOKIE)) continue;
    for (const pair of cookie.split(';')) {
      const at = pair.indexOf('=');
      if (at < 0 || pair.slice(0, at).trim() !== SESSION_COOKIE) continue;
      const key = unquote(pair.slice(at + 1).trim());
      if (SESSION_KEY.test(key)) keys.add(key);
    }
  }
  const [key] = keys;
  return keys.size === 1 ? key : undefined;
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
