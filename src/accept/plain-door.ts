// The quick way in. Most requests are plain ones on connections that carry nothing else, and for those Node's server costs half of what
// the gateway does at all: with it a request took 75 µs on its way to legacy and back, without it 40, with nothing else done to it.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from './limits.ts';
import type { NodeExchange, PlainAnswer } from './plain-answer.ts';
import { type ConnectionOwner, PlainConnection } from './plain-connection.ts';
import { atTurnsEnd } from './turns-end.ts';
import { Underway } from './underway.ts';

export type PlainDoor = Readonly<{
  /** Whoever awaits the request that Node has just read on this connection. */
  takeAwaited(socket: Socket): ((exchange: NodeExchange) => void) | undefined;
  close(): void;
}>;

type PlainDoorWish = Readonly<{
  limits: Limits;
  receive: ConnectionOwner['receive'];
  stalled(socket: Socket): void;
}>;

const MOST_BETWEEN_LOOKS_MS = 2_000;
/** Between the moment at which a client is told that its connection will be closed and the one at which it is, as Node's server has it. */
const KEEP_ALIVE_BUFFER_MS = 1_000;

/** Stands before a server that has no connection yet. */
export function openPlainDoor(server: Server, { limits, receive, stalled }: PlainDoorWish): PlainDoor {
  const [nodesOwn] = server.listeners('connection');
  if (nodesOwn === undefined) throw new Error('a server of Node takes no connections');
  server.off('connection', nodesOwn as () => void);
  const open = new Underway<PlainConnection>();
  const awaited = new WeakMap<Socket, (exchange: NodeExchange) => void>();
  const owner: ConnectionOwner = {
    keepAliveMs: limits.keepAliveMs,
    stalledMs: limits.stalledMs,
    came: atTurnsEnd((connection: PlainConnection) => connection.read()),
    receive,
    ended: atTurnsEnd((answer: PlainAnswer) => answer.speak()),
    stalled,
    leaveToNode: (socket) => void nodesOwn.call(server, socket),
    awaitFromNode: (socket, arrived) => void awaited.set(socket, arrived),
    opened: (connection) => open.enter(connection),
  };
  server.on('connection', (socket: Socket) => void new PlainConnection(socket, owner));
  const look = () => {
    const nowMs = performance.now();
    for (const connection of open) if (connection.isIdle) judge(server, limits, connection, nowMs);
  };
  const everyMs = Math.min(MOST_BETWEEN_LOOKS_MS, limits.headersTimeoutMs / 2, limits.keepAliveMs / 2);
  let timer: NodeJS.Timeout | undefined;
  // One whose port is taken never listens, and is never closed.
  server.once('listening', () => {
    timer = setInterval(look, Math.max(1, everyMs)).unref();
  });
  return {
    takeAwaited: (socket) => {
      const taker = awaited.get(socket);
      awaited.delete(socket);
      return taker;
    },
    close: () => clearInterval(timer),
  };
}

/** One that has never asked is late with its first request; one that has may be kept open for a while. */
function judge(
  server: Server,
  limits: Limits,
  { socket, hasServed, idleSinceMs }: PlainConnection,
  nowMs: number,
) {
  const idleMs = nowMs - idleSinceMs;
  if (hasServed) {
    if (idleMs >= limits.keepAliveMs + KEEP_ALIVE_BUFFER_MS) socket.destroy();
  } else if (idleMs >= limits.headersTimeoutMs) server.emit('clientError', new TooLate(), socket);
}

class TooLate extends Error {
  readonly code = 'ERR_HTTP_REQUEST_TIMEOUT';
}
