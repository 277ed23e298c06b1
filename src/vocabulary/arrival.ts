import type { Side } from './decision.ts';
import type { RequestId, TenantName } from './ids.ts';
import type { HeadForm } from './message.ts';

/** W3C Trace Context, level 1: https://www.w3.org/TR/trace-context/ */
export type Trace = Readonly<{
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits: our own span, the parent of what the sides do. */
  spanId: string;
  /** 2 hex digits. */
  flags: string;
  /** The vendors' state as it came, header lines joined by a comma. */
  state: string | undefined;
}>;

/** A secret as it came in. Lives in admit only; no event and no log line ever holds one. */
export type Credential = Readonly<{ kind: 'bearer' | 'api_key' | 'session'; secret: string }>;

/** What the gateway says of a request to a side, name and value in turn: who is calling, whence, and by which trace. */
export type Identity = Readonly<{
  /** Of this request alone. */
  ofRequest: readonly string[];
  /** What goes for the next request, too, as long as its connection, its caller and their tag are the same: then it is this same list. */
  standing: readonly string[];
}>;

/**
 * A request that is well formed and may be looked at: one canonical path, no claimed identity, no ambiguity.
 * It says nothing yet of who is calling.
 */
export type Arrival = Readonly<{
  requestId: RequestId;
  trace: Trace;
  /** Upper case. */
  method: string;
  /** The request target in origin form, byte for byte as it came: this is what goes on. */
  target: string;
  /** The canonical path: routing, flags, metrics and forwarding all see this one. */
  path: string;
  /** The `Host` as it came, port included; empty for an HTTP/1.0 request without one. */
  host: string;
  /** The tenant that the host names by the table's `tenants.by_host`, if it does. */
  hostTenant: TenantName | undefined;
  /** Name and value in turn, as `rawHeaders`: what may go on. Identity, hop-by-hop and odd names are gone. */
  headers: readonly string[];
  /** Set where the same client has asked in this form before: then `headers` are the same, too. */
  form?: HeadForm | undefined;
  credentials: readonly Credential[];
  /** What `X-Banyan-Side` asked for; honoured only for a caller with scope `qa`. */
  wish: Side | undefined;
  /** True for a WebSocket upgrade (RFC 6455 section 4.1). */
  upgrade: boolean;
  /** The client's address, for `X-Forwarded-For`: the peer's, or what a trusted proxy in front says of its client. */
  peer: string;
  /** How the client came, for `X-Forwarded-Proto`; `http` where nothing says more. */
  proto?: 'http' | 'https';
}>;
