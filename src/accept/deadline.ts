import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Failure, fail, type Outcome } from '../vocabulary/index.ts';

type Wish = Readonly<{
  req: IncomingMessage;
  res: ServerResponse;
  timeoutMs: number;
  /** How long an event stream may be silent, in ms. */
  streamIdleMs?: number;
}>;

const STREAM_IDLE_MS = 300_000;

/**
 * Runs the new side's work. What it has not begun to answer in time is a failure, whatever it does later; an answer that has begun and
 * stands still is cut. The deadline is one of silence: while the client is still uploading or reading, the new side is not late.
 */
export function runWithinDeadline(
  wish: Wish,
  work: (signal: AbortSignal) => Promise<Outcome>,
): Promise<Outcome> {
  const { req, res, timeoutMs } = wish;
  const stop = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const isSilent = watchSilence(wish);
  const timer = setTimeout(() => {
    if (!isSilent()) return void timer.refresh();
    resolve(judgeSilence(req, res));
    stop.abort();
    if (res.headersSent) breakOff(req, res);
  }, timeoutMs);
  const onClose = () => {
    if (!res.writableFinished) stop.abort();
  };
  res.once('close', onClose);
  work(stop.signal)
    .then(resolve, reject)
    .finally(() => {
      clearTimeout(timer);
      res.off('close', onClose);
    });
  return promise;
}

/** Asked once a deadline: has nothing moved since the last time, or, in an event stream, for long enough? */
function watchSilence({ req, res, streamIdleMs = STREAM_IDLE_MS }: Wish): () => boolean {
  const { socket } = req;
  let bytes = socket.bytesRead;
  let movedMs = performance.now();
  return () => {
    const isMoving = bytes !== socket.bytesRead + countWritten(req, res) || isHeldBack(res);
    bytes = socket.bytesRead + countWritten(req, res);
    if (isMoving) movedMs = performance.now();
    return !isMoving && (!isEventStream(res) || performance.now() - movedMs >= streamIdleMs);
  };
}

// Before the head nothing of this answer has been written; what has is an earlier one's.
const countWritten = ({ socket }: IncomingMessage, res: ServerResponse) =>
  res.headersSent ? socket.bytesWritten : 0;
// By its own reader: one that has stopped is the listener's to cut.
const isHeldBack = (res: ServerResponse) => res.headersSent && res.writableLength > 0;
const isEventStream = (res: ServerResponse) =>
  res.headersSent && String(res.getHeader('content-type')).startsWith('text/event-stream');

function judgeSilence(req: IncomingMessage, res: ServerResponse): Outcome {
  if (res.headersSent) return { kind: 'cut', status: res.statusCode, failure: newTooSlow(req) };
  // The new side cannot answer what has not arrived; what waits in our buffer, though, is its own not to read.
  const isClientLate = !req.complete && req.readableLength === 0;
  const late = fail('request_too_slow', { retrySafe: isSafe(req) });
  return { kind: 'failed', failure: isClientLate ? late : newTooSlow(req) };
}

const newTooSlow = (req: IncomingMessage): Failure =>
  fail('new_too_slow', { retrySafe: isSafe(req), retryAfterS: 5 });

const isSafe = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD';

/** Never ended cleanly: nobody may take the half of an answer for the whole. */
function breakOff({ socket, httpVersionMinor }: IncomingMessage, res: ServerResponse): void {
  // To HTTP/1.0 the end of the connection may be the end of the answer; a reset is not.
  if (httpVersionMinor === 0) socket.resetAndDestroy();
  res.destroy();
}
