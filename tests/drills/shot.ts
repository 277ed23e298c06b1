import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** One kind of request that the load is made of. */
export type Shot = Readonly<{
  tenant: string;
  method: 'GET' | 'POST';
  target: string;
  /** The tenant's demo key without it. */
  key?: string;
  /** `{mark}` in it becomes another text each time. */
  body?: string;
  /** How often it comes among all. */
  weight: number;
  /** The client does not wait for the end: it goes away after so long. */
  leavesAfterMs?: number;
  /** What legacy itself answers, where that is always the same. */
  expected?: Print;
}>;

/** An answer as far as it must be the same each time. */
export type Print = Readonly<{ status: number; sha256: string }>;

export type LoadAsk = Readonly<{
  port: number;
  perSecond: number;
  ms: number;
  seed: string;
  shots: readonly Shot[];
  /** Whether connections are kept alive between requests, as without it, or each request has its own. */
  connections?: 'kept' | 'own';
}>;

/** How one request ended. Times in ms since 1970, so that processes can compare theirs. */
export type End = Readonly<{
  tenant: string;
  method: string;
  target: string;
  /** When it should have been sent: what it waited for since then counts as its latency. */
  dueMs: number;
  /** When the kernel had taken it over; undefined where there was no connection to send it on. */
  sentMs: number | undefined;
  endedMs: number;
  /** 0: no whole answer came. */
  status: number;
  side: string;
  /** What the gateway said in its own words. */
  problem?: Problem;
  /** Why no whole answer came: a code of Node's, or `left` where the client did not want one. */
  trouble?: string;
}>;

export type Problem = Readonly<{
  code: string;
  retrySafe: boolean;
  retryAfterS: number | undefined;
  isWhole: boolean;
}>;

export type LoadAnswer = Readonly<{
  latenciesMs: Float64Array;
  ends: readonly End[];
  /** Requests without a whole answer, in words. */
  failed: readonly string[];
  /** Answers that were not legacy's own. */
  other: readonly string[];
  /** Bodies of the answers to writes, by target. */
  written: readonly (readonly [target: string, body: string])[];
}>;

export function print(status: number, headers: IncomingHttpHeaders, body: Buffer): Print {
  const { 'content-type': type = '', etag = '' } = headers;
  const sha256 = createHash('sha256').update(`${type}\n${etag}\n`).update(body).digest('hex');
  return { status, sha256 };
}
