import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';

/** A request and a response of Node's own kind, with no connection between them and anybody. */
export type StandIn = Readonly<{ req: IncomingMessage; res: ServerResponse }>;

/**
 * Made of the real classes, so that a handler meets what it meets in earnest: `finish` after the last byte, a whole body to be read, an answer
 * that can be destroyed. What is written goes nowhere; the answer is taken where the handler writes it.
 */
export function makeStandIn(method: string, body: Uint8Array): StandIn {
  const req = new IncomingMessage(new Socket());
  req.method = method;
  req.url = '/';
  req.headers = { 'content-length': String(body.length) };
  if (body.length > 0) req.push(Buffer.from(body));
  req.push(null);
  req.complete = true;
  const res = new ServerResponse(req);
  res.assignSocket(makeSink());
  return { req, res };
}

function makeSink(): Socket {
  // Never full: nobody here would tell the response of its 'drain', which Node's server does.
  const sink = new Writable({
    highWaterMark: Number.MAX_SAFE_INTEGER,
    write: (_piece, _encoding, done) => done(),
  });
  return sink as unknown as Socket;
}
