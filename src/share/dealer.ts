import { createServer, type Server, type Socket } from 'node:net';

/** Whoever can take connections over. */
export type Taker = Readonly<{
  /** Connections sent that it has not confirmed: one that stands still confirms none. */
  waiting(): number;
  give(socket: Socket): void;
}>;

export type Dealer = Readonly<{
  port: number;
  /** Deals a connection that came back, since its taker died before it had it. */
  deal(socket: Socket): void;
  /** Takes no more connections; those on their way to a taker go on. */
  close(): Promise<void>;
}>;

type Wish = Readonly<{
  /** Has the server listen; answers on which port. */
  listen(server: Server): Promise<number>;
  takers(): readonly Taker[];
}>;

/** A connection is handed over in well under a millisecond: so many unconfirmed ones are a worker that stands still. */
const MOST_WAITING = 64;

/** Listens, and deals each connection unread to the next worker in turn that is awake. Where there is none, it is closed. */
export async function openDealer({ listen, takers }: Wish): Promise<Dealer> {
  let turn = 0;
  const deal = (socket: Socket) => {
    const all = takers();
    const awake = all.filter((taker) => taker.waiting() < MOST_WAITING);
    const able = awake.length > 0 ? awake : all;
    turn += 1;
    const taker = able[turn % able.length];
    if (taker) taker.give(socket);
    else socket.destroy();
  };
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    // Until somebody has it, nobody else hears of its end.
    socket.on('error', () => socket.destroy());
    forgetServer(socket);
    deal(socket);
  });
  const port = await listen(server);
  return { port, deal, close: () => close(server) };
}

/**
 * Node has a server wait, when it is closed, for all connections that went to other processes, and asks these for them (child_process,
 * `SocketList`). Ours end when their worker has drained, and it begins to after we have closed.
 */
function forgetServer(socket: Socket): void {
  Object.assign(socket, { server: undefined });
}

/**
 * What the kernel has already accepted for us is taken first: closing resets it (Linux hands it on only with `net.ipv4.tcp_migrate_req`).
 * Node accepts all that waits in one turn of its loop, so the end of a turn is the moment at which the least can be waiting.
 */
function close(server: Server): Promise<void> {
  return new Promise((resolve) =>
    setImmediate(() => {
      server.close();
      resolve();
    }),
  );
}
