import type { IncomingMessage, ServerResponse } from 'node:http';
import { fail, type Outcome } from '../vocabulary/index.ts';

/**
 * Runs the new side's work; what it has not begun to answer in time is a failure, whatever it does later. The deadline is one of
 * silence: while the client is still uploading, the new side is not late.
 */
export function runWithinDeadline(
  { req, res, timeoutMs }: Readonly<{ req: IncomingMessage; res: ServerResponse; timeoutMs: number }>,
  work: (signal: AbortSignal) => Promise<Outcome>,
): Promise<Outcome> {
  const stop = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  let bytesRead = req.socket.bytesRead;
  const timer = setTimeout(() => {
    if (res.headersSent) return;
    if (req.socket.bytesRead > bytesRead) {
      bytesRead = req.socket.bytesRead;
      timer.refresh();
      return;
    }
    // The new side cannot answer what has not arrived; what waits in our buffer, though, is its own not to read.
    const isClientLate = !req.complete && req.readableLength === 0;
    const failure = isClientLate
      ? fail('request_too_slow', { retrySafe: isSafe(req) })
      : fail('new_too_slow', { retrySafe: isSafe(req), retryAfterS: 5 });
    resolve({ kind: 'failed', failure });
    stop.abort();
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

const isSafe = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD';
