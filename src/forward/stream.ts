import type { IncomingMessage } from 'node:http';
import type { IncomingRequest, Outcome, OutgoingAnswer } from '../vocabulary/index.ts';
import { AnswerStream, type Ended, type Turn } from './answer-stream.ts';
import type { Ask } from './ask.ts';
import { nameLegacyFailure, UnsendableQuestion } from './legacy-failure.ts';
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
export function streamAnswer(
  ways: Ways,
  ask: Ask,
  req: IncomingRequest,
  res: OutgoingAnswer,
): Promise<Outcome> {
  const upload = hasBody(req) ? new Upload({ req, maxBytes: ways.maxBodyBytes, tap: ask.tap }) : undefined;
  const turn = upload ? 'only' : 'first';
  return new Promise((resolve, reject) => {
    const settle = (ended: Ended) => {
      if (ended.kind !== 'stale') return resolve(ended);
      // Called from a socket's event, where nobody else would take what is thrown.
      try {
        if (ask.mayRetry?.() === false) resolve({ kind: 'failed', failure: ended.failure });
        else askLegacy(ways, { ask, req, res, upload: undefined, turn: 'second', resolve: settle });
      } catch (error) {
        reject(error);
      }
    };
    askLegacy(ways, { ask, req, res, upload, turn, resolve: settle });
  });
}

function hasBody(req: IncomingRequest): req is IncomingMessage {
  if (req.isBodiless) return false;
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

type Attempt = Readonly<{
  ask: Ask;
  req: IncomingRequest;
  res: OutgoingAnswer;
  upload: Upload | undefined;
  turn: Turn;
  resolve: (ended: Ended) => void;
}>;

function askLegacy(ways: Ways, attempt: Attempt): void {
  const { ask, req, res, upload, turn, resolve } = attempt;
  const { method, target, headers, form } = ask.arrival;
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
      form,
      identity: ask.identity,
      body: upload?.framing ?? 'none',
      connection: isLast ? 'close' : 'keep-alive',
    });
    const servername = ways.legacy.protocol === 'https:' ? nameServer(host) : undefined;
    const { streamIdleMs } = ways;
    lines.ask(
      new AnswerStream({
        ask,
        req,
        res,
        turn,
        head,
        servername,
        isLast,
        upload,
        streamIdleMs,
        lines,
        resolve,
      }),
    );
  } catch (error) {
    if (!(error instanceof UnsendableQuestion)) throw error;
    resolve({ kind: 'failed', failure: nameLegacyFailure(error, method, 'kept') });
  }
}
