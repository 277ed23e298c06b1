import type { WebSocket } from 'ws';

/** The open sockets of each tenant's channels, of this process. */
export interface ChatHub {
  join(schema: string, channel: number, socket: WebSocket): void;
  /** Sends one frame to everybody in the channel of that tenant. */
  tell(schema: string, channel: number, frame: string): void;
}

// A reader that is this far behind is cut off: nothing is kept for it without end.
const MOST_BUFFERED = 1024 * 1024;

export function openChatHub(): ChatHub {
  const rooms = new Map<string, Set<WebSocket>>();
  // A schema name holds no colon, so no two tenants share a room.
  const nameRoom = (schema: string, channel: number) => `${schema}:${channel}`;
  return {
    join(schema, channel, socket) {
      const name = nameRoom(schema, channel);
      const room = rooms.get(name) ?? new Set();
      rooms.set(name, room.add(socket));
      socket.once('close', () => {
        room.delete(socket);
        if (room.size === 0 && rooms.get(name) === room) rooms.delete(name);
      });
    },
    tell(schema, channel, frame) {
      for (const socket of rooms.get(nameRoom(schema, channel)) ?? []) {
        if (socket.bufferedAmount > MOST_BUFFERED) socket.terminate();
        else socket.send(frame);
      }
    },
  };
}
