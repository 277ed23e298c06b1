import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type CutReason, type Emit, fail } from '../vocabulary/index.ts';
import { awaitTurn, closeInPeace } from './connection.ts';
import { describeLimits, describePace, type Limits, USUAL_LIMITS } from './limits.ts';
import { answerFailureRaw } from './own-words.ts';
import { watchPace } from './pace.ts';
import { type PortWish, takePort } from './port.ts';
import { describeUnreadable, refuseUnreadable } from './unreadable.ts';

/** Who receives what comes in. */
export type Reception = Readonly<{
  request(req: IncomingMessage, res: ServerResponse): Promise<void>;
  upgrade?(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void>;
}>;

export type Listener = Readonly<{
  url: string;
  /** Takes nothing new, lets what is in flight end within `graceMs`, then cuts it. Answers how many were cut. */
  drain(graceMs: number): Promise<number>;
}>;

/** Connections that somebody else has accepted are handed to `take`; the last may come while we drain already. */
export type Intake = (take: (socket: Socket) => void) => void;

export type ListenerWish = Readonly<{
  /** Where connections come from: a port of our own, or the process that shares its port with us. */
  from: PortWish | Intake;
  maxConnections: number;
  limits?: Partial<Limits>;
  /** Told of connections that are not let in, or are cut. */
  emit?: Emit;
  /** Which upgrades are upgrades to us; all others are answered as the ordinary requests that they are, too. */
  wantsUpgrade?: (req: IncomingMessage) => boolean;
}>;

/** Opens a listening HTTP server; throws an Error with one clear sentence where the port is taken. */
export async function openListener(wish: ListenerWish, reception: Reception): Promise<Listener> {
  const traffic: Traffic = { answers: new Set(), tunnels: new Set() };
  let isDraining = false;
  const shouldUpgradeCallback = wish.wantsUpgrade ?? (() => false);
  const limits = { ...USUAL_LIMITS, ...wish.limits };
  const tellCut = (reason: CutReason) => wish.emit?.({ type: 'connection_cut', reason });
  const server = createServer({ ...describeLimits(limits), shouldUpgradeCallback });
  server.maxConnections = wish.maxConnections;
  server.maxHeadersCount = 0;
  server.on('drop', () => tellCut('crowded'));
  const receive = async (req: IncomingMessage, res: ServerResponse) => {
    // Behind an answer that says "close" nothing is carried out: nobody could be told of it (RFC 9112 section 9.6).
    if (!req.socket.writable) return;
    if (res.socket === null && !(await awaitTurn(req, res))) return;
    if (req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined)
      closeInPeace(req);
    if (isDraining) res.setHeader('Connection', 'close');
    traffic.answers.add(res);
    res.once('close', () => traffic.answers.delete(res));
    await reception.request(req, res);
  };
  server.on('request', receive);
  // Whoever asks before sending is told to go on by the corridor, after admit, never by Node before it.
  server.on('checkContinue', receive);
  server.on('checkExpectation', receive);
  server.on('connect', (_req, socket) => {
    // Node has taken its own listener away: without one, a reset right behind the request would end the process.
    socket.on('error', () => socket.destroy());
    // The refusal would be taken for the answer to the request before it.
    if (isBusy(traffic, socket)) return void socket.destroy();
    answerFailureRaw(socket, fail('method_refused'));
  });
  server.on('clientError', (error, socket) =>
    refuseUnreadable({
      answers: traffic.answers,
      error,
      socket: socket as Socket,
      tell(failure) {
        wish.emit?.({ type: 'request_received' });
        wish.emit?.(describeUnreadable(failure));
      },
    }),
  );
  server.on('upgrade', async (req: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    // A tunnel cannot begin in the middle of another answer.
    if (isBusy(traffic, socket)) return void socket.destroy();
    if (reception.upgrade === undefined) return answerFailureRaw(socket, fail('upgrade_refused'));
    traffic.tunnels.add(socket);
    socket.once('close', () => traffic.tunnels.delete(socket));
    await reception.upgrade(req, socket, head);
  });
  // Node counts a write that makes progress as activity, however slowly the reader takes it.
  server.timeout = limits.stalledMs;
  server.on('timeout', (socket) => cutStalled(traffic, socket, tellCut));
  const stopWatching = watchPace(
    () => listUploads(traffic),
    describePace(limits),
    (req) => {
      tellCut('slow');
      answerFailureRaw(req.socket, fail('request_too_slow', { retrySafe: isSafe(req) }));
    },
  );
  const entrance =
    typeof wish.from === 'function'
      ? takeIn(server, wish.from, wish.maxConnections, tellCut)
      : await openPort(server, wish.from);
  return {
    url: entrance.url,
    async drain(graceMs) {
      isDraining = true;
      const cut = await drain(server, entrance.close(), traffic, graceMs);
      stopWatching();
      return cut;
    },
  };
}

const isSafe = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD';

function* listUploads({ answers }: Traffic): Iterable<readonly [IncomingMessage, ServerResponse]> {
  for (const answer of answers) if (!answer.req.complete) yield [answer.req, answer];
}

type Entrance = Readonly<{ url: string; close(): Promise<void> }>;

async function openPort(server: Server, from: PortWish): Promise<Entrance> {
  const port = await takePort(server, from);
  return {
    url: `http://${from.host}:${port}`,
    // What the kernel has accepted for us is taken first: closing resets it. Node takes all of it in one turn of its loop, so the end of
    // a turn is when the least can be waiting.
    close: () => new Promise((resolve) => setImmediate(() => server.close(() => resolve()))),
  };
}

/** Node keeps count of connections and their time limits from the moment at which a server says that it listens. */
function takeIn(
  server: Server,
  intake: Intake,
  maxConnections: number,
  tellCut: (reason: CutReason) => void,
): Entrance {
  let open = 0;
  server.emit('listening');
  intake((socket) => {
    if (open >= maxConnections) {
      tellCut('crowded');
      return socket.destroy();
    }
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    server.emit('connection', socket);
    // It was paused so that nobody else read of it.
    socket.resume();
    return undefined;
  });
  return {
    url: '',
    async close() {
      server.close();
    },
  };
}

/** Answers under way, and upgraded connections: those have no end of their own that could be waited for. */
type Traffic = Readonly<{ answers: Set<ServerResponse>; tunnels: Set<Socket> }>;

const TUNNEL_GRACE_MS = 500;

/**
 * A connection on which nothing has moved: one without a request goes, and one whose reader takes nothing of its answer, whichever side
 * gives it, since the buffers are ours. One that waits for its side is that side's deadline's affair.
 */
function cutStalled({ answers }: Traffic, socket: Socket, tellCut: (reason: CutReason) => void): void {
  const answer = [...answers].find((each) => each.socket === socket);
  if (answer !== undefined && answer.writableLength === 0) return;
  tellCut('stalled');
  socket.destroy();
}

async function drain(
  server: Server,
  closed: Promise<void>,
  { answers, tunnels }: Traffic,
  graceMs: number,
): Promise<number> {
  await untilEmpty(answers, graceMs, () => server.closeIdleConnections());
  // By now the sides have said goodbye to their sockets.
  await untilEmpty(tunnels, Math.min(graceMs, TUNNEL_GRACE_MS));
  const cut = answers.size;
  for (const socket of tunnels) socket.destroy();
  server.closeAllConnections();
  await closed;
  return cut;
}

async function untilEmpty(
  set: ReadonlySet<unknown>,
  graceMs: number,
  sweep: () => void = () => undefined,
): Promise<void> {
  const beganMs = performance.now();
  sweep();
  while (set.size > 0 && performance.now() - beganMs < graceMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    // A kept-alive connection becomes idle only after its answer: look again until none is left.
    sweep();
  }
}

const isBusy = ({ answers }: Traffic, socket: Duplex) =>
  [...answers].some((answer) => answer.socket === socket);
