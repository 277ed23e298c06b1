import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type Failure,
  type IncomingRequest,
  type OutgoingAnswer,
  type RequestId,
  wordProblem,
} from '../vocabulary/index.ts';

const LINGER_MS = 500;
// What of an unread body Node may read and throw away, so that the connection can be used again.
const LARGEST_DRAIN_BYTES = 64 * 1024;
// After these the caller's framing can still be trusted.
const POLITE_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 429]);

/** Answers a request with a failure in the gateway's own words; cuts the connection where an answer has begun already. */
export function answerFailure(
  req: IncomingRequest,
  res: OutgoingAnswer,
  failure: Failure,
  requestId: RequestId | undefined,
): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  const problem = wordProblem(failure, requestId, req.headers.accept);
  const close = mustClose(req, failure) ? ['Connection', 'close'] : [];
  // With its words: a side's answer that could not be written may have left others behind.
  res.writeHead(problem.status, STATUS_CODES[problem.status] ?? '', [...problem.headers, ...close]);
  res.end(req.method === 'HEAD' ? undefined : problem.body, 'utf8');
}

type Asked = Readonly<{
  requestId?: RequestId | undefined;
  accept?: string | undefined;
  method?: string | undefined;
}>;

/** Answers where there is no response object: an upgrade, or what Node's parser could not read. `asked`: what is known of the question. */
export function answerFailureRaw(socket: Duplex, failure: Failure, asked: Asked = {}): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = wordProblem(failure, asked.requestId, asked.accept);
  let head = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n`;
  const lines = [...problem.headers, 'Connection', 'close'];
  for (let i = 0; i + 1 < lines.length; i += 2) head += `${lines[i]}: ${lines[i + 1]}\r\n`;
  socket.end(`${head}\r\n${asked.method === 'HEAD' ? '' : problem.body}`);
  // Not at once: closing on bytes that nobody has read resets the connection, and the answer may be lost with it.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** After a request whose end cannot be trusted, or whose body nobody will read, the connection cannot be used again. */
function mustClose(req: IncomingRequest, failure: Failure): boolean {
  if (failure.blame === 'caller' && !POLITE_STATUSES.has(failure.status)) return true;
  if (req.complete) return false;
  return (
    req.headers['transfer-encoding'] !== undefined ||
    Number(req.headers['content-length'] ?? 0) > LARGEST_DRAIN_BYTES
  );
}
