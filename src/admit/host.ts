import { type Failure, fail, parseTenantName, type TenantName } from '../vocabulary/index.ts';
import type { Head, RawRequest } from './head.ts';

// As Django's own pattern (`host_validation_re`), so that both sides agree on what a host is; an IPv6 address stands in brackets.
const HOST = /^(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.?|\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\])(?::([0-9]{1,5}))?$/;
const PLACEHOLDER = '{tenant}';

/** The one Host (RFC 9112 section 3.2), or empty for HTTP/1.0 without one. Node would keep the first of two silently. */
export function readHost(head: Head, req: RawRequest): string | Failure {
  const hosts = head.all('host');
  const [host] = hosts;
  if (hosts.length > 1) return fail('request_malformed', { detail: 'The request has two Host headers.' });
  if (host === undefined) {
    const isOld = req.httpVersionMajor === 1 && req.httpVersionMinor === 0;
    return isOld ? '' : fail('request_malformed', { detail: 'The request has no Host header.' });
  }
  const match = host.length <= 261 ? HOST.exec(host) : null;
  const isGood = match !== null && Number(match[1] ?? 0) <= 65_535;
  return isGood ? host : fail('request_malformed', { detail: 'The Host header is not a host name.' });
}

/** The tenant that a host names by a pattern such as `{tenant}.localhost`, as django-tenants does: port and letter case do not count. */
export function readHostTenant(host: string, pattern: string | undefined): TenantName | undefined {
  const at = pattern?.indexOf(PLACEHOLDER) ?? -1;
  if (pattern === undefined || at < 0) return undefined;
  const name = host
    .replace(/:[0-9]+$/, '')
    .replace(/\.$/, '')
    .toLowerCase();
  const before = pattern.slice(0, at).toLowerCase();
  const after = pattern.slice(at + PLACEHOLDER.length).toLowerCase();
  const isNamed =
    name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after);
  return isNamed ? parseTenantName(name.slice(before.length, name.length - after.length)) : undefined;
}
