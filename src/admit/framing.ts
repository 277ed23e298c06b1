import { type Failure, fail } from '../vocabulary/index.ts';
import type { Head, RawRequest } from './head.ts';

const WHOLE_NUMBER = /^[0-9]{1,15}$/;

// Node's parser takes the words of two other protocols for HTTP. These methods come with them only.
const NOT_HTTP: ReadonlySet<string> = new Set([
  ...['SOURCE', 'DESCRIBE', 'ANNOUNCE', 'SETUP', 'PLAY', 'PAUSE', 'TEARDOWN'],
  ...['GET_PARAMETER', 'SET_PARAMETER', 'REDIRECT', 'RECORD', 'FLUSH'],
]);

/** RFC 9112 section 2.3. Node's parser lets HTTP/2.0 pass, which is no version of this format, and HTTP/0.9, which has no headers. */
export function checkProtocol(req: RawRequest, method: string): Failure | undefined {
  const isHttp1 = req.httpVersionMajor === 1 && (req.httpVersionMinor === 0 || req.httpVersionMinor === 1);
  return isHttp1 && !NOT_HTTP.has(method) ? undefined : refuse('Only HTTP/1.0 and HTTP/1.1 are spoken here.');
}

/**
 * One message, one length (RFC 9112 section 6.3). Node's parser refuses most of this before us; what it lets through
 * (`Transfer-Encoding: gzip, chunked`) and what a laxer parser would, ends here.
 */
export function checkFraming(head: Head, req: RawRequest): Failure | undefined {
  const lengths = head.all('content-length');
  const codings = head.all('transfer-encoding');
  if (lengths.length + codings.length > 1) return refuse('The request states its length twice.');
  const [length] = lengths;
  if (length !== undefined && !WHOLE_NUMBER.test(length))
    return refuse('Content-Length is not a whole number.');
  const [coding] = codings;
  if (coding === undefined) return undefined;
  if (coding.toLowerCase() !== 'chunked')
    return refuse('Of all transfer codings only "chunked" is understood.');
  if (req.httpVersionMajor === 1 && req.httpVersionMinor === 0)
    return refuse('HTTP/1.0 knows no Transfer-Encoding.');
  return undefined;
}

/** RFC 9110 section 10.1.1. The expectation itself is met by the corridor and never goes on. */
export function checkExpectation(head: Head): Failure | undefined {
  const isOdd = head.all('expect').some((value) => value.trim().toLowerCase() !== '100-continue');
  return isOdd ? fail('expectation_failed') : undefined;
}

function refuse(detail: string): Failure {
  return fail('request_malformed', { detail });
}
