// What Node's server leaves open about a connection that carries more than one request, or half of one.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { fail } from '../vocabulary/index.ts';
import { answerFailure } from './own-words.ts';

// Long enough for a client on a slow line to read the answer to an upload that it is still sending.
const LINGER_MS = 2_000;

// Whoever sends so many requests without waiting for an answer is cut: each of them takes memory.
const MOST_WAITING = 100;
const waiting = new WeakMap<Socket, Set<ServerResponse>>();
const spoiled = new WeakSet<Socket>();

/**
 * Pipelined requests take turns: Node would start them all at once, and only safe ones may run side by side (RFC 9112 section 9.3.2).
 * Until its turn a request has no answer that could tell of a client that leaves. False: the client has left, or the request cannot be
 * read to its end.
 */
export async function awaitTurn(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
  const { socket } = req;
  const queue = waiting.get(socket) ?? new Set();
  waiting.set(socket, queue.add(res));
  if (queue.size > MOST_WAITING) socket.destroy();
  const hasTurn = await new Promise<boolean>((resolve) => {
    const stay = tellWhenGone(socket, () => resolve(false));
    res.once('socket', () => {
      stay();
      resolve(true);
    });
  });
  queue.delete(res);
  if (!hasTurn || req.complete || !spoiled.has(socket)) return hasTurn;
  answerFailure(req, res, fail('request_malformed'), undefined);
  return false;
}

const leavers = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `leave` when the connection closes, unless it is told to let it be. The request would not tell: one without a body has been closed from
 * the beginning. One listener for all that wait.
 */
function tellWhenGone(socket: Socket, leave: () => void): () => void {
  const known = leavers.get(socket);
  const all = known ?? new Set();
  all.add(leave);
  if (known === undefined) {
    leavers.set(socket, all);
    socket.once('close', () => {
      for (const one of all) one();
    });
  }
  return () => all.delete(leave);
}

/**
 * A coding that Node's parser does not quite know (`chunked` with a tab behind it, which its headers no longer show) it refuses, but not
 * where the request asks for an upgrade: there it takes the body for an empty one. A good body is not over before it has begun.
 */
export async function hasLostBody(req: IncomingMessage): Promise<boolean> {
  if (req.headers['transfer-encoding'] === undefined) return false;
  // When the parser is through with what it has.
  await new Promise((resolve) => setImmediate(resolve));
  return req.complete && req.readableLength === 0;
}

/**
 * HTTP/1.0 goes on only where `Connection` says so (RFC 9112 section 9.3). Node's parser also listens to `Proxy-Connection`, which no proxy
 * should (appendix C.2.2).
 */
export function isLastOfOldClient({ httpVersionMinor, headers }: IncomingMessage): boolean {
  if (httpVersionMinor !== 0) return false;
  const options = (headers.connection ?? '').split(',').map((option) => option.trim().toLowerCase());
  return !options.includes('keep-alive') || options.includes('close');
}

/** The last of the requests that wait for their turn on this connection. */
export const newestWaiting = (socket: Socket): ServerResponse | undefined =>
  [...(waiting.get(socket) ?? [])].at(-1);

const answeredEarly = new WeakMap<Socket, IncomingMessage>();

/** A request has been answered, perhaps before its body has come. */
export function noteAnswered(req: IncomingMessage): void {
  if (!req.complete) answeredEarly.set(req.socket, req);
}

/** True while the body is still coming of a request that has had its answer: there is nothing left to say to it. */
export const isAnswered = (socket: Socket): boolean => answeredEarly.get(socket)?.complete === false;

/** What comes on this connection from here on cannot be read. False: that was known. */
export function markSpoiled(socket: Socket): boolean {
  const isNew = !spoiled.has(socket);
  spoiled.add(socket);
  return isNew;
}

/**
 * Lets the answer to an upload arrive that is still coming. Closing on bytes that nobody has read resets the connection, and the answer may
 * be lost with it (RFC 9112 section 9.6).
 */
export function closeInPeace(req: IncomingMessage): void {
  const { socket } = req;
  socket.destroySoon = () => (req.complete ? Socket.prototype.destroySoon.call(socket) : linger(req));
}

function linger(req: IncomingMessage): void {
  const { socket } = req;
  const wait = () => {
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
  socket.end(wait);
  req.once('end', () => socket.destroySoon());
  // Read, and thrown away.
  req.on('data', () => undefined);
}
