import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Underway } from './underway.ts';

/** The connections of a server, for the time of its draining, and when there are too many. */
export type Connections = Readonly<{
  open: Underway<Socket>;
  /** Closes those on which nothing has moved for a while, and that wait for no answer. */
  sweep(isBusy: (socket: Socket) => boolean): void;
}>;

/**
 * A client with a connection that it keeps alive may be sending its next request right now, and would have it reset. So an idle one is
 * closed only when nothing has come for so long: whoever uses it meanwhile is told by the answer that it was the last.
 */
const QUIET_MS = 1_000;

export function watchConnections(server: Server): Connections {
  const open = new Underway<Socket>();
  const seen = new Map<Socket, Readonly<{ bytes: number; sinceMs: number }>>();
  server.on('connection', (socket: Socket) => {
    const leave = open.enter(socket);
    socket.once('close', () => {
      leave();
      seen.delete(socket);
    });
  });
  return {
    open,
    sweep(isBusy) {
      const nowMs = performance.now();
      for (const socket of open) {
        const bytes = socket.bytesRead + socket.bytesWritten;
        const last = seen.get(socket);
        if (last?.bytes !== bytes || isBusy(socket)) seen.set(socket, { bytes, sinceMs: nowMs });
        else if (nowMs - last.sinceMs >= QUIET_MS) socket.end(() => socket.destroy());
      }
    },
  };
}
