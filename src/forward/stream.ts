import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher, Pool } from 'undici';
import type { Outcome, Tap } from '../vocabulary/index.ts';
import { AnswerStream, type Ended } from './answer-stream.ts';
import type { Ask } from './ask.ts';
import { BodyTooLarge } from './legacy-failure.ts';

// undici takes any async iterable as a body, though its types name only Readable.
type Upload = AsyncGenerator<Buffer>;
type Ways = Readonly<{ pool: Pool; streamIdleMs: number; maxBodyBytes: number }>;

/** Streams one exchange with legacy. Resolves when the client has the whole answer, or never will. */
export async function streamAnswer(
  ways: Ways,
  ask: Ask,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<Outcome> {
  const body = hasBody(req) ? readBody(req, ways.maxBodyBytes, ask.tap) : null;
  const ended = await dispatch(ways, { ask, req, res, body, mayRetry: body === null });
  if (ended.kind !== 'stale') return ended;
  return (await dispatch(ways, { ask, req, res, body: null, mayRetry: false })) as Outcome;
}

function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

// undici destroys a body stream that it gives up on, and a destroyed request takes the client's connection with it.
// This iterator leaves the request alone, so that the client can still be told what happened.
async function* readBody(req: IncomingMessage, maxBodyBytes: number, tap: Tap | undefined): Upload {
  let bytes = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBodyBytes) throw new BodyTooLarge();
    tap?.uploaded(chunk as Buffer);
    yield chunk as Buffer;
  }
}

type Attempt = Readonly<{
  ask: Ask;
  req: IncomingMessage;
  res: ServerResponse;
  body: Upload | null;
  mayRetry: boolean;
}>;

function dispatch(ways: Ways, attempt: Attempt): Promise<Ended> {
  return new Promise((resolve) => {
    const stream = new AnswerStream({ ...attempt, streamIdleMs: ways.streamIdleMs, resolve });
    const { target, method, host, headers } = attempt.ask.arrival;
    const lines = [...(host === '' ? [] : ['host', host]), ...headers, ...attempt.ask.identity];
    const body = attempt.body as unknown as Readable | null;
    try {
      ways.pool.dispatch(
        { path: target, method: method as Dispatcher.HttpMethod, headers: lines, body },
        stream,
      );
    } catch (error) {
      stream.onError(error);
    }
  });
}
