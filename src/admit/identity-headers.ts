import type { Arrival, Caller, HeadForm, Identity } from '../vocabulary/index.ts';
import type { TagBinding } from './tag.ts';
import { writeTraceparent } from './trace-context.ts';

/** Who is calling, whence, and by which trace: everything that receive took out and only the gateway may say. */
export function writeIdentity(arrival: Arrival, caller: Caller, tag: string, goodFor: TagBinding): Identity {
  const { requestId, trace, form } = arrival;
  const ofRequest = ['X-Request-Id', requestId, 'traceparent', writeTraceparent(trace)];
  if (trace.state !== undefined) ofRequest.push('tracestate', trace.state);
  if (goodFor === 'request') ofRequest.push('X-Identity-Tag', tag);
  const ofCaller = goodFor === 'request' ? undefined : tag;
  return {
    ofRequest,
    standing: form ? findStanding(form, arrival, caller, ofCaller) : listStanding(arrival, caller, ofCaller),
  };
}

type Remembered = Readonly<{ caller: Caller; tag: string | undefined; lines: readonly string[] }>;

/** Written once for all that one caller says on one connection with one tag. It is gone with its connection. */
const remembered = new WeakMap<HeadForm, Remembered>();

function findStanding(form: HeadForm, arrival: Arrival, caller: Caller, tag: string | undefined) {
  const known = remembered.get(form);
  if (known !== undefined && isSame(known.caller, caller) && known.tag === tag) return known.lines;
  const lines = listStanding(arrival, caller, tag);
  remembered.set(form, { caller, tag, lines });
  return lines;
}

/** Whoever only names a tenant is made anew for each request. */
function isSame(one: Caller, other: Caller): boolean {
  return (
    one === other || (one.kind === 'anonymous' && other.kind === 'anonymous' && one.tenant === other.tenant)
  );
}

function listStanding(arrival: Arrival, caller: Caller, tag: string | undefined): readonly string[] {
  const lines = ['X-Forwarded-Proto', arrival.proto ?? 'http'];
  if (tag !== undefined) lines.push('X-Identity-Tag', tag);
  if (caller.tenant !== undefined) lines.push('X-Tenant-Id', caller.tenant);
  if (caller.kind === 'known') lines.push('X-User-Id', String(caller.user));
  if (arrival.peer !== '') lines.push('X-Forwarded-For', arrival.peer);
  if (arrival.host !== '') lines.push('X-Forwarded-Host', arrival.host);
  return Object.freeze(lines);
}
