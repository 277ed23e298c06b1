import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher, Pool } from 'undici';
import type { Outcome } from '../vocabulary/index.ts';
import { AnswerStream, type Ended, type Turn } from './answer-stream.ts';
import type { Ask } from './ask.ts';
import { Upload } from './upload.ts';

type Ways = Readonly<{
  pool: Pool;
  /** For second tries, each of which closes its connection. */
  fresh: Pool;
  streamIdleMs: number;
  maxBodyBytes: number;
}>;

/** Streams one exchange with legacy. Resolves when the client has the whole answer, or never will. */
export async function streamAnswer(
  ways: Ways,
  ask: Ask,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<Outcome> {
  const upload = hasBody(req) ? new Upload(req, ways.maxBodyBytes, ask.tap) : undefined;
  const ended = await dispatch(ways, { ask, req, res, upload, turn: upload ? 'only' : 'first' });
  if (ended.kind !== 'stale') return ended;
  if (ask.mayRetry?.() === false) return { kind: 'failed', failure: ended.failure };
  return (await dispatch(ways, { ask, req, res, upload: undefined, turn: 'second' })) as Outcome;
}

function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

type Attempt = Readonly<{
  ask: Ask;
  req: IncomingMessage;
  res: ServerResponse;
  upload: Upload | undefined;
  turn: Turn;
}>;

function dispatch(ways: Ways, attempt: Attempt): Promise<Ended> {
  return new Promise((resolve) => {
    const stream = new AnswerStream({ ...attempt, streamIdleMs: ways.streamIdleMs, resolve });
    const { target, method, host, headers } = attempt.ask.arrival;
    const isSecond = attempt.turn === 'second';
    const pool = isSecond ? ways.fresh : ways.pool;
    const { identity } = attempt.ask;
    const lines = host === '' ? headers.concat(identity) : ['host', host].concat(headers, identity);
    // undici takes any async iterable as a body, though its types name only Readable.
    const body = (attempt.upload?.read() ?? null) as unknown as Readable | null;
    try {
      pool.dispatch(
        {
          path: target,
          method: method as Dispatcher.HttpMethod,
          headers: lines,
          body,
          // Only `true` is said: undici closes behind a HEAD by itself, and a `false` would keep it from that.
          ...(isSecond && { reset: true }),
        },
        stream,
      );
    } catch (error) {
      stream.onError(error);
    }
  });
}
