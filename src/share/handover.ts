import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { ToWorker } from './messages.ts';

/** Connections on their way to one worker. */
export type Handover = Readonly<{
  waiting(): number;
  give(socket: Socket): void;
  /** The worker has said that it has this one. */
  taken(connection: number): void;
  /** The worker has gone: what it never had, unread. */
  takeBack(): readonly Socket[];
}>;

/** A worker that lives confirms each within a millisecond; one that stands still is given up long before. */
const PATIENCE_MS = 30_000;

type Sent = Readonly<{ socket: Socket; sentMs: number }>;

/**
 * A connection stays open here until the worker says that it has it, which it does before it reads of it. So one that a worker died
 * without is whole, and can be given to another; Node by itself would lose it, or keep it open and dead.
 */
export function openHandover(child: ChildProcess): Handover {
  const sent = new Map<number, Sent>();
  let count = 0;
  const dropForgotten = () => {
    for (const [connection, { socket, sentMs }] of sent) {
      if (performance.now() - sentMs < PATIENCE_MS) return;
      sent.delete(connection);
      socket.destroy();
    }
  };
  return {
    waiting: () => sent.size,
    give(socket) {
      dropForgotten();
      count += 1;
      sent.set(count, { socket, sentMs: performance.now() });
      const message: ToWorker = { type: 'connection', connection: count };
      // An error means that the worker is about to be gone.
      child.send(message, socket, { keepOpen: true }, () => undefined);
    },
    taken(connection) {
      // Closes our hold on it, and nothing else: the worker has its own.
      sent.get(connection)?.socket.destroy();
      sent.delete(connection);
    },
    takeBack() {
      const sockets = [...sent.values()].map(({ socket }) => socket);
      sent.clear();
      return sockets.filter((socket) => !socket.destroyed);
    },
  };
}
