import {
  type Arrival,
  type Credential,
  type Failure,
  fail,
  isFailure,
  type Side,
} from '../vocabulary/index.ts';
import { collectCredentials } from './credentials.ts';
import { checkExpectation, checkFraming, checkProtocol } from './framing.ts';
import { type Head, type RawRequest, readHead } from './head.ts';
import { filterHeaders } from './header-filter.ts';
import { checkLoop, countForwards, writeVia } from './hops.ts';
import { readHost, readHostTenant } from './host.ts';
import { readPeer, type TrustedProxies } from './peer.ts';
import { chooseRequestId } from './request-id.ts';
import { readTarget } from './request-target.ts';
import { readTrace } from './trace-context.ts';
import { isWebSocket } from './websocket.ts';

/** What the table in force says about arrivals. */
export type DoorRules = Readonly<{
  /** How a host names its tenant, for example `{tenant}.localhost`. */
  byHost: string | undefined;
}>;

/** Is this a request that may be looked at? Says nothing of who sent it. */
export function receive(req: RawRequest, rules: DoorRules, trusted: TrustedProxies): Arrival | Failure {
  const arrivedMs = performance.now();
  const head = readHead(req.rawHeaders);
  if (isFailure(head)) return head;
  const method = (req.method ?? '').toUpperCase();
  if (method === 'TRACE' || method === 'CONNECT' || method === '') return fail('method_refused');
  const refusal =
    checkProtocol(req, method) ?? checkFraming(head, req) ?? checkExpectation(head) ?? checkLoop(head);
  if (refusal !== undefined) return refusal;
  const host = readHost(head, req);
  if (typeof host !== 'string') return host;
  const target = readTarget(req.url ?? '', host);
  if (isFailure(target)) return target;
  const credentials = collectCredentials(head);
  if (isFailure(credentials)) return credentials;
  const forwards = countForwards(head, method);
  if (typeof forwards === 'object') return forwards;
  const peer = readPeer(head, req, trusted);
  return Object.freeze({
    requestId: chooseRequestId(head.all('x-request-id')),
    trace: readTrace(head),
    method,
    target: target.target,
    path: target.path,
    host,
    hostTenant: readHostTenant(host, rules.byHost),
    headers: listHeaders(head, req, credentials, forwards),
    credentials,
    wish: readWish(head),
    upgrade: isWebSocket(head, req),
    peer: peer.address,
    proto: peer.proto,
    arrivedMs,
  } satisfies Arrival);
}

function readWish(head: Head): Side | undefined {
  const wishes = head.all('x-banyan-side');
  const [wish] = wishes;
  return wishes.length === 1 && (wish === 'legacy' || wish === 'new') ? wish : undefined;
}

function listHeaders(
  head: Head,
  req: RawRequest,
  credentials: readonly Credential[],
  forwards: number | undefined,
): readonly string[] {
  const passed = filterHeaders(head, credentials);
  const headers = forwards === undefined ? passed : replaceForwards(passed, forwards);
  headers.push('Via', writeVia(req));
  return headers;
}

function replaceForwards(headers: readonly string[], forwards: number): string[] {
  return headers.map((text, i) =>
    headers[i - 1]?.toLowerCase() === 'max-forwards' && i % 2 === 1 ? String(forwards) : text,
  );
}
