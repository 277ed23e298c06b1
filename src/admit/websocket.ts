import { isFailure } from '../vocabulary/index.ts';
import { type Head, type RawRequest, readHead, readList } from './head.ts';

const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** For `shouldUpgradeCallback` of Node's server: any other upgrade is then an ordinary request, as RFC 9110 section 7.8 wants it. */
export function wantsWebSocket(req: RawRequest): boolean {
  const head = readHead(req.rawHeaders);
  return !isFailure(head) && isWebSocket(head, req);
}

/** RFC 6455 section 4.1: the one upgrade that we know. Any other (`h2c`) is stripped, and its request answered as if it had not asked. */
export function isWebSocket(head: Head, req: RawRequest): boolean {
  return (
    req.method === 'GET' &&
    req.httpVersionMajor === 1 &&
    req.httpVersionMinor >= 1 &&
    isOnly(head.all('upgrade'), (value) => value.toLowerCase() === 'websocket') &&
    readList(head, 'connection').some((option) => option.toLowerCase() === 'upgrade') &&
    isOnly(head.all('sec-websocket-key'), (value) => KEY.test(value)) &&
    isOnly(head.all('sec-websocket-version'), (value) => value === '13') &&
    head.all('transfer-encoding').length === 0 &&
    head.all('content-length').every((value) => Number(value) === 0)
  );
}

function isOnly(values: readonly string[], isGood: (value: string) => boolean): boolean {
  return values.length === 1 && isGood(values[0] ?? '');
}
