import { type Failure, fail } from '../vocabulary/index.ts';
import { isCanonicalPath } from './canonical-path.ts';

export type Target = Readonly<{ target: string; path: string }>;

const LONGEST = 16 * 1024;
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;
const NOT_VISIBLE_ASCII = /[^\x21-\x7e]/;

/** RFC 9112 section 3.2. `host` is the one Host of the request, or empty where HTTP/1.0 sent none. */
export function readTarget(url: string, host: string): Target | Failure {
  if (url.length > LONGEST) return fail('target_too_long');
  const target = toOriginForm(url, host);
  if (typeof target !== 'string') return target;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (!isCanonicalPath(path) || target.includes('#')) return fail('path_ambiguous');
  if (NOT_VISIBLE_ASCII.test(target))
    return fail('request_malformed', { detail: 'The query holds characters that must be percent-encoded.' });
  if (isReserved(path)) return fail('path_reserved');
  return { target, path };
}

// A proxy must take the authority of the absolute form over Host (RFC 9112 section 3.2.2). Where the two agree, there is nothing
// to take over and nothing to be fooled by.
function toOriginForm(url: string, host: string): string | Failure {
  if (url.startsWith('/')) return url;
  const [, authority, rest] = ABSOLUTE.exec(url) ?? [];
  if (authority === undefined || rest === undefined)
    return fail('path_ambiguous', { detail: 'The request target must be a path that begins with "/".' });
  if (authority.toLowerCase() !== host.toLowerCase())
    return fail('request_malformed', {
      detail: 'The request target names another host than the Host header.',
    });
  return rest.startsWith('/') ? rest : `/${rest}`;
}

// In any case of letters: a side that folds it must not be reached either.
function isReserved(path: string): boolean {
  if (!path.startsWith('/.')) return false;
  const lower = path.toLowerCase();
  return lower === '/.banyan' || lower.startsWith('/.banyan/');
}
