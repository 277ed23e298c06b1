import type { IncomingMessage } from 'node:http';
import type { IncomingRequest, Outcome, OutgoingAnswer } from '../vocabulary/index.ts';
import { AnswerStream, type Ended, type Turn } from './answer-stream.ts';
import type { Ask } from './ask.ts';
import { nameLegacyFailure } from './legacy-failure.ts';
import { nameServer } from './line-opener.ts';
import type { Lines } from './lines.ts';
import { expectsBody, writeQuestion } from './question-head.ts';
import { Upload } from './upload.ts';

type Ways = Readonly<{
  lines: Lines;
  /** For second tries, each of which closes its connection. */
  fresh: Lines;
  legacy: URL;
  streamIdleMs: number;
  maxBodyBytes: number;
}>;

/** Streams one exchange with legacy. Resolves when the client has the whole answer, or never will. */
export async function streamAnswer(
  ways: Ways,
  ask: Ask,
  req: IncomingRequest,
  res: OutgoingAnswer,
): Promise<Outcome> {
  const upload = hasBody(req) ? new Upload({ req, maxBytes: ways.maxBodyBytes, tap: ask.tap }) : undefined;
  const ended = await askLegacy(ways, { ask, req, res, upload, turn: upload ? 'only' : 'first' });
  if (ended.kind !== 'stale') return ended;
  if (ask.mayRetry?.() === false) return { kind: 'failed', failure: ended.failure };
  return (await askLegacy(ways, { ask, req, res, upload: undefined, turn: 'second' })) as Outcome;
}

function hasBody(req: IncomingRequest): req is IncomingMessage {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

type Attempt = Readonly<{
  ask: Ask;
  req: IncomingRequest;
  res: OutgoingAnswer;
  upload: Upload | undefined;
  turn: Turn;
}>;

function askLegacy(ways: Ways, attempt: Attempt): Promise<Ended> {
  const { ask, upload, turn } = attempt;
  const { method, target, headers } = ask.arrival;
  const host = ask.arrival.host === '' ? ways.legacy.host : ask.arrival.host;
  const lines = turn === 'second' ? ways.fresh : ways.lines;
  // Behind a HEAD, and behind a body that a method does not expect, a legacy that counts otherwise would be out of step.
  const isLast = turn === 'second' || method === 'HEAD' || (upload !== undefined && !expectsBody(method));
  try {
    const head = writeQuestion({
      method,
      target,
      host,
      headers,
      identity: ask.identity,
      body: upload?.framing ?? 'none',
      connection: isLast ? 'close' : 'keep-alive',
    });
    const servername = ways.legacy.protocol === 'https:' ? nameServer(host) : undefined;
    return new Promise((resolve) =>
      lines.ask(
        new AnswerStream({
          ...attempt,
          head,
          servername,
          isLast,
          streamIdleMs: ways.streamIdleMs,
          lines,
          resolve,
        }),
      ),
    );
  } catch (error) {
    return Promise.resolve({ kind: 'failed', failure: nameLegacyFailure(error, method, 'kept') });
  }
}
