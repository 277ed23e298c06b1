import type { Failure } from '../vocabulary/index.ts';

/** The `WWW-Authenticate` of a 401 (RFC 9110 section 11.6.1, RFC 6750 section 3); undefined for every other failure. */
export function challenge(failure: Failure): string | undefined {
  if (failure.status !== 401) return undefined;
  if (failure.code === 'credential_missing') return 'Bearer realm="banyan"';
  const description = failure.detail.replace(/[^\x20-\x7e]|["\\]/g, "'");
  return `Bearer realm="banyan", error="invalid_token", error_description="${description}"`;
}
