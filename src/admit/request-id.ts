import { randomUUID } from 'node:crypto';
import { parseRequestId, type RequestId } from '../vocabulary/index.ts';

/** The client's `X-Request-Id` where there is exactly one and it is harmless, else a new one. Also for requests that are refused. */
export function takeRequestId(rawHeaders: readonly string[]): RequestId {
  const found: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === 'x-request-id') found.push(rawHeaders[i + 1] ?? '');
  }
  return chooseRequestId(found);
}

/** `values`: what the client said, perhaps several times. */
export function chooseRequestId(values: readonly string[]): RequestId {
  const taken = values.length === 1 ? parseRequestId(values[0]) : undefined;
  return taken ?? (randomUUID() as string as RequestId);
}
