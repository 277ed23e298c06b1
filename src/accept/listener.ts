import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type CutReason,
  type Emit,
  type Failure,
  fail,
  type IncomingRequest,
  type OutgoingAnswer,
} from '../vocabulary/index.ts';
import { awaitTurn, closeInPeace, hasLostBody, isLastOfOldClient, noteAnswered } from './connection.ts';
import { drain, findBusy, type Traffic } from './drain.ts';
import { type Intake, openPort, takeIn } from './entrance.ts';
import { watchConnections } from './idle.ts';
import { describeLimits, describePace, type Limits, USUAL_LIMITS } from './limits.ts';
import { answerFailure, answerFailureRaw } from './own-words.ts';
import { watchPace } from './pace.ts';
import type { PlainAnswer } from './plain-answer.ts';
import { openPlainDoor } from './plain-door.ts';
import type { PlainRequest } from './plain-request.ts';
import type { PortWish } from './port.ts';
import { Underway } from './underway.ts';
import { breakOff, describeUnreadable, findAnswer, refuseInTurn, refuseUnreadable } from './unreadable.ts';

/** Who receives what comes in. */
export type Reception = Readonly<{
  request(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Without it every request is an ordinary one. */
  plain?(req: PlainRequest, res: PlainAnswer): Promise<void>;
  upgrade?(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void>;
}>;

export type Listener = Readonly<{
  url: string;
  /** Takes nothing new, lets what is in flight end within `graceMs`, then cuts it. Answers how many were cut. */
  drain(graceMs: number): Promise<number>;
}>;

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
  const traffic: Traffic = { answers: new Underway(), tunnels: new Set() };
  let isDraining = false;
  const stayed = new WeakSet<IncomingMessage>();
  const shouldUpgradeCallback = (req: IncomingMessage) => {
    const wants = wish.wantsUpgrade?.(req) ?? false;
    if (!wants) stayed.add(req);
    return wants;
  };
  const limits = { ...USUAL_LIMITS, ...wish.limits };
  const tellCut = (reason: CutReason) => wish.emit?.({ type: 'connection_cut', reason });
  // A request without a body needs no stream to read it from: 4 µs.
  const server = createServer({
    ...describeLimits(limits),
    shouldUpgradeCallback,
    optimizeEmptyRequests: true,
  });
  server.maxConnections = wish.maxConnections;
  server.maxHeadersCount = 0;
  const receive = async (req: IncomingMessage, res: ServerResponse) => {
    // Behind an answer that says "close" nothing is carried out: nobody could be told of it (RFC 9112 section 9.6).
    if (!req.socket.writable) return;
    if (res.socket === null && !(await awaitTurn(req, res))) return;
    if (req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined)
      closeInPeace(req);
    if (isDraining) res.shouldKeepAlive = false;
    const hasStayed = req.headers.upgrade !== undefined && stayed.has(req);
    // Node loses the bytes that come right behind a request which asked for an upgrade: it may only be the last of its connection.
    if (hasStayed || isLastOfOldClient(req)) res.shouldKeepAlive = false;
    if (hasStayed && (await hasLostBody(req))) {
      tellRefused(MALFORMED);
      return answerFailure(req, res, MALFORMED, undefined);
    }
    // The client has left while it was waited for, and nobody would tell so any more.
    if (res.destroyed) return;
    const leave = traffic.answers.enter(res);
    res.once('close', () => {
      leave();
      noteAnswered(req);
    });
    const takeOver = plainDoor?.takeAwaited(req.socket);
    if (takeOver !== undefined) return takeOver({ req, res });
    await reception.request(req, res);
  };
  const plainDoor =
    reception.plain &&
    openPlainDoor(server, {
      limits,
      receive: (res) => {
        if (isDraining) res.shouldKeepAlive = false;
        res.once('close', traffic.answers.enter(res));
        void reception.plain?.(res.req, res);
      },
      stalled: (socket) => cutStalled(traffic, socket, tellCut),
    });
  const connections = watchConnections(server);
  const makeRoom = atMostEvery(ROOM_MS, () => connections.sweep(findBusy(traffic)));
  const turnAwayCrowd = () => {
    tellCut('crowded');
    makeRoom();
  };
  server.on('drop', turnAwayCrowd);
  server.on('request', receive);
  // Whoever asks before sending is told to go on by the corridor, after admit, never by Node before it.
  server.on('checkContinue', receive);
  server.on('checkExpectation', receive);
  const tellRefused = (failure: Failure) => {
    wish.emit?.({ type: 'request_received' });
    wish.emit?.(describeUnreadable(failure));
  };
  const turnAway = (socket: Duplex, failure: Failure) => {
    tellRefused(failure);
    refuseInTurn(traffic.answers, socket as Socket, failure);
  };
  server.on('clientError', (error, socket) =>
    refuseUnreadable({ answers: traffic.answers, error, socket: socket as Socket, tell: tellRefused }),
  );
  server.on('connect', (_req, socket) => {
    keepReading(socket as Socket);
    turnAway(socket, fail('method_refused'));
  });
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (isBusy(traffic, socket)) {
      keepReading(socket);
      return turnAway(socket, fail('upgrade_refused', { detail: BEHIND_ANOTHER }));
    }
    socket.on('error', () => socket.destroy());
    if (reception.upgrade === undefined) return answerFailureRaw(socket, fail('upgrade_refused'));
    traffic.tunnels.add(socket);
    socket.once('close', () => traffic.tunnels.delete(socket));
    // An empty piece would keep all of the memory that it was cut from.
    void reception.upgrade(req, socket, head.length > 0 ? head : NOTHING);
  });
  // Node counts a write that makes progress as activity, however slowly the reader takes it.
  server.timeout = limits.stalledMs;
  server.on('timeout', (socket) => cutStalled(traffic, socket, tellCut));
  const entrance =
    typeof wish.from === 'function'
      ? takeIn(server, wish.from, wish.maxConnections, turnAwayCrowd)
      : await openPort(server, wish.from);
  const stopWatching = watchPace(
    () => listUploads(traffic),
    describePace(limits),
    (req, res) => {
      tellCut('slow');
      breakOff(res, fail('request_too_slow', { retrySafe: isSafe(req) }));
    },
  );
  return {
    url: entrance.url,
    async drain(graceMs) {
      isDraining = true;
      for (const answer of traffic.answers) answer.shouldKeepAlive = false;
      const cut = await drain(server, { closed: entrance.close(), traffic, connections }, graceMs);
      stopWatching();
      plainDoor?.close();
      return cut;
    },
  };
}

const isSafe = ({ method }: IncomingRequest) => method === 'GET' || method === 'HEAD';

function* listUploads({ answers }: Traffic): Iterable<readonly [IncomingRequest, OutgoingAnswer]> {
  for (const answer of answers) if (!answer.req.complete) yield [answer.req, answer];
}

/** Where there is no room for one more, connections on which nothing moves make some: they may be kept open by nobody but a flood. */
const ROOM_MS = 500;

function atMostEvery(ms: number, work: () => void): () => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - lastMs < ms) return;
    lastMs = performance.now();
    work();
  };
}

/**
 * A connection on which nothing has moved: one without a request goes, and one whose reader takes nothing of its answer, whichever side
 * gives it, since the buffers are ours. One that waits for its side is that side's deadline's affair.
 */
function cutStalled({ answers }: Traffic, socket: Socket, tellCut: (reason: CutReason) => void): void {
  const answer = findAnswer(answers, socket);
  if (answer !== undefined && answer.writableLength === 0) return;
  tellCut('stalled');
  socket.destroy();
}

const NOTHING = Buffer.alloc(0);
const MALFORMED = fail('request_malformed');
const BEHIND_ANOTHER = 'A WebSocket cannot be opened behind a request that is not answered yet.';

const isBusy = ({ answers }: Traffic, socket: Socket) => findAnswer(answers, socket) !== undefined;

/** Node has taken its own listeners away: without one, a reset would end the process, and a client that leaves would not be noticed. */
function keepReading(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('end', () => socket.destroySoon());
  socket.resume();
}
