import type { WebSocket } from 'ws';
import type { TenantName } from '../../vocabulary/index.ts';
import type { LiveChat } from '../ports.ts';

/** The open sockets of each tenant's channels, in this process. */
export type LiveRooms = LiveChat &
  Readonly<{
    join(tenant: TenantName, channel: number, socket: WebSocket): void;
    closeAll(): void;
  }>;

// A reader that is this far behind is cut off: nothing is kept for it without end.
const MOST_BUFFERED = 1024 * 1024;
const GOING_AWAY = 1001;
const PING_MS = 30_000;

export function openRooms(): LiveRooms {
  const rooms = new Map<string, Set<WebSocket>>();
  const waiting = new WeakSet<WebSocket>();
  // A tenant's name holds no colon, so no two tenants share a room.
  const nameRoom = (tenant: TenantName, channel: number) => `${tenant}:${channel}`;
  const everyone = () => [...rooms.values()].flatMap((room) => [...room]);
  const pings = setInterval(() => {
    for (const socket of everyone()) ping(waiting, socket);
  }, PING_MS).unref();
  return {
    join(tenant, channel, socket) {
      const name = nameRoom(tenant, channel);
      const room = rooms.get(name) ?? new Set();
      rooms.set(name, room.add(socket));
      socket.on('pong', () => waiting.delete(socket));
      socket.once('close', () => {
        room.delete(socket);
        if (room.size === 0 && rooms.get(name) === room) rooms.delete(name);
      });
    },
    publish(tenant, channel, frame) {
      for (const socket of rooms.get(nameRoom(tenant, channel)) ?? []) {
        if (socket.bufferedAmount > MOST_BUFFERED) socket.terminate();
        else socket.send(frame);
      }
    },
    closeAll() {
      clearInterval(pings);
      for (const socket of everyone()) socket.close(GOING_AWAY);
    },
  };
}

/** A socket whose far end vanished without a word answers no ping, and would stay for ever. */
function ping(waiting: WeakSet<WebSocket>, socket: WebSocket): void {
  if (waiting.has(socket)) return socket.terminate();
  waiting.add(socket);
  socket.ping();
}
