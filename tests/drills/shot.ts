import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** One kind of request that the load is made of. */
export type Shot = Readonly<{
  tenant: string;
  method: 'GET' | 'POST';
  target: string;
  /** `{mark}` in it becomes another text each time. */
  body?: string;
  /** How often it comes among all. */
  weight: number;
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
}>;

export type LoadAnswer = Readonly<{
  latenciesMs: Float64Array;
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
