import type { ServerOptions } from 'node:http';
import type { PaceLimit } from './pace.ts';

/** What a client may take its time for. */
export type Limits = Readonly<{
  /** For the head of a request to arrive. */
  headersTimeoutMs: number;
  /** Between two requests on one connection. */
  keepAliveMs: number;
  /** For taking something of its answer. */
  stalledMs: number;
  /** The slowest pace of an upload, over `stalledMs`; 0 is any. */
  slowestUploadBytesPerS: number;
}>;

// The keep-alive is longer than the 60 s of common load balancers, so that they close first. The pace is that of Kestrel.
export const USUAL_LIMITS: Limits = {
  headersTimeoutMs: 10_000,
  keepAliveMs: 75_000,
  stalledMs: 30_000,
  slowestUploadBytesPerS: 240,
};

const MOST_BETWEEN_CHECKS_MS = 2_000;

/** Node's own limit on heads is wide, so that admit can say which part of one is too long; when a body is late is the route's affair. */
export function describeLimits({ headersTimeoutMs, keepAliveMs }: Limits): ServerOptions {
  return {
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(MOST_BETWEEN_CHECKS_MS, headersTimeoutMs / 2),
    maxHeaderSize: 64 * 1024,
    requireHostHeader: false,
  };
}

export const describePace = ({ slowestUploadBytesPerS, stalledMs }: Limits): PaceLimit => ({
  bytesPerS: slowestUploadBytesPerS,
  overMs: stalledMs,
});
