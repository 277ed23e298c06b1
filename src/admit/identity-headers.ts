import type { Arrival, Caller } from '../vocabulary/index.ts';
import { writeTraceparent } from './trace-context.ts';

/** Who is calling, whence, and by which trace, name and value in turn: everything that receive took out and only the gateway may say. */
export function writeIdentityHeaders(arrival: Arrival, caller: Caller, tag: string): readonly string[] {
  const lines = [
    'X-Request-Id',
    arrival.requestId,
    'traceparent',
    writeTraceparent(arrival.trace),
    'X-Identity-Tag',
    tag,
    'X-Forwarded-Proto',
    arrival.proto ?? 'http',
  ];
  if (arrival.trace.state !== undefined) lines.push('tracestate', arrival.trace.state);
  if (caller.tenant !== undefined) lines.push('X-Tenant-Id', caller.tenant);
  if (caller.kind === 'known') lines.push('X-User-Id', String(caller.user));
  if (arrival.peer !== '') lines.push('X-Forwarded-For', arrival.peer);
  if (arrival.host !== '') lines.push('X-Forwarded-Host', arrival.host);
  return lines;
}
