import type { Failure } from './failure.ts';
import type { RequestId } from './ids.ts';

/** An answer in the gateway's own words: header lines as name and value in turn, and the body. */
export type Problem = Readonly<{ status: number; headers: readonly string[]; body: string }>;

/**
 * Words a failure as `application/problem+json` (RFC 9457), or as a plain HTML page where `accept` prefers one.
 * Says what failed, whose fault it was, whether a retry is safe, and the request id; nothing of hosts, paths or stacks.
 */
export function wordProblem(
  failure: Failure,
  requestId: RequestId | undefined,
  accept: string | undefined,
): Problem {
  const isPage = prefersHtml(accept);
  const body = isPage ? wordPage(failure, requestId) : wordJson(failure, requestId);
  const headers = [
    'Content-Type',
    isPage ? 'text/html; charset=utf-8' : 'application/problem+json',
    'Content-Length',
    String(new TextEncoder().encode(body).length),
    'Cache-Control',
    'no-store',
    ...line('WWW-Authenticate', challenge(failure)),
    // RFC 9110 section 15.5.6: a 405 names the methods that are taken.
    ...line('Allow', failure.status === 405 ? 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' : undefined),
    ...line('Retry-After', failure.retryAfterS?.toString()),
    ...line('X-Request-Id', requestId),
  ];
  return { status: failure.status, headers, body };
}

const line = (name: string, value: string | undefined) => (value === undefined ? [] : [name, value]);

/** The `WWW-Authenticate` of a 401 (RFC 9110 section 11.6.1, RFC 6750 section 3); undefined for every other failure. */
export function challenge({ status, code, detail }: Failure): string | undefined {
  if (status !== 401) return undefined;
  if (code === 'credential_missing') return 'Bearer realm="banyan"';
  const description = detail.replace(/[^\x20-\x7e]|["\\]/g, "'");
  return `Bearer realm="banyan", error="invalid_token", error_description="${description}"`;
}

function wordJson(failure: Failure, requestId: RequestId | undefined): string {
  const { code, title, status, detail, blame, retrySafe } = failure;
  const problem = {
    type: `urn:banyan:failure:${code}`,
    title,
    status,
    detail,
    code,
    blame,
    request_id: requestId,
    retry_safe: retrySafe,
  };
  return `${JSON.stringify(problem)}\n`;
}

function wordPage(
  { title, detail, status, code, retrySafe }: Failure,
  requestId: RequestId | undefined,
): string {
  const retry = retrySafe
    ? 'Nothing was changed: it is safe to try again.'
    : 'It may have been carried out: look before you try again.';
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#222}small{color:#666}</style></head>
<body><h1>${title}</h1><p>${escapeHtml(detail)}</p><p>${retry}</p><p><small>${status} · ${code} · request ${requestId ?? 'unknown'}</small></p></body>
</html>
`;
}

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** True where `Accept` names HTML with a higher quality than JSON (RFC 9110 section 12.5.1), as browsers do. */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes('text/html')) return false;
  return (
    readQuality(accept, ['text/html']) > readQuality(accept, ['application/problem+json', 'application/json'])
  );
}

function readQuality(accept: string, types: readonly string[]): number {
  const qualities = accept.split(',').map((part) => {
    const [type, ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    if (type === undefined || !types.includes(type)) return 0;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return quality === undefined ? 1 : Number(quality.slice(2)) || 0;
  });
  return Math.max(0, ...qualities);
}
