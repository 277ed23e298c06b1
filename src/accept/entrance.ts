import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { type PortWish, takePort } from './port.ts';

/** Connections that somebody else has accepted are handed to `take`; the last may come while we drain already. */
export type Intake = (take: (socket: Socket) => void) => void;

/** Where a server's connections come from. */
export type Entrance = Readonly<{ url: string; close(): Promise<void> }>;

export async function openPort(server: Server, from: PortWish): Promise<Entrance> {
  const port = await takePort(server, from);
  return {
    url: `http://${from.host}:${port}`,
    // What the kernel has accepted for us is taken first: closing resets it. Node takes all of it in one turn of its loop, so the end of
    // a turn is when the least can be waiting.
    close: () => new Promise((resolve) => setImmediate(() => stopListening(server, resolve))),
  };
}

/** Only that: Node's own `close` would take all idle connections with it, and with them requests that are on their way. */
const stopListening = (server: Server, done: () => void) =>
  NetServer.prototype.close.call(server, () => done());

/** Node keeps count of connections and their time limits from the moment at which a server says that it listens. */
export function takeIn(
  server: Server,
  intake: Intake,
  maxConnections: number,
  crowded: () => void,
): Entrance {
  let open = 0;
  server.emit('listening');
  intake((socket) => {
    if (open >= maxConnections) {
      crowded();
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
  return { url: '', close: async () => undefined };
}
