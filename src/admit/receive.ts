import { type Arrival, type Failure, isFailure } from '../vocabulary/index.ts';
import type { RawRequest } from './head.ts';
import { readHostTenant } from './host.ts';
import type { TrustedProxies } from './peer.ts';
import { chooseRequestId } from './request-id.ts';
import { readTarget } from './request-target.ts';
import { readStanding } from './standing.ts';
import { readTrace } from './trace-context.ts';

/** What the table in force says about arrivals. */
export type DoorRules = Readonly<{
  /** How a host names its tenant, for example `{tenant}.localhost`. */
  byHost: string | undefined;
}>;

/** Is this a request that may be looked at? Says nothing of who sent it. */
export function receive(req: RawRequest, rules: DoorRules, trusted: TrustedProxies): Arrival | Failure {
  const read = readStanding(req, trusted);
  if (isFailure(read)) return read;
  const { standing, blanks } = read;
  const target = readTarget(req.url ?? '', standing.host);
  if (isFailure(target)) return target;
  return Object.freeze({
    requestId: chooseRequestId(blanks['x-request-id']),
    trace: readTrace(blanks.traceparent, blanks.tracestate),
    method: standing.method,
    target: target.target,
    path: target.path,
    host: standing.host,
    hostTenant: readHostTenant(standing.host, rules.byHost),
    headers: standing.headers,
    form: req.form,
    credentials: standing.credentials,
    wish: standing.wish,
    upgrade: standing.upgrade,
    peer: standing.peer,
    proto: standing.proto,
  } satisfies Arrival);
}
