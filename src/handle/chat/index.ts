import type { LiveChat } from '../ports.ts';
import { type Feature, routeByName } from '../view.ts';
import { listChannels } from './channels.ts';
import { openRooms } from './live-rooms.ts';
import { listMessages } from './messages.ts';
import { postMessage } from './post.ts';
import { openDoor, type SocketDoor } from './socket-door.ts';

const MESSAGES = 'GET, POST, HEAD, OPTIONS';

export type Chat = Feature &
  Readonly<{
    /** Reaches the sockets of this process. Several instances need a relay between them, for example LISTEN/NOTIFY. */
    live: LiveChat;
    upgrade: SocketDoor;
    close(): void;
  }>;

/** Channels, their messages, and sockets that hear them. */
export function openChat(): Chat {
  const rooms = openRooms();
  const { names, router } = routeByName('chat', {
    channels: { allow: 'GET, HEAD, OPTIONS', run: listChannels },
    messages: { allow: MESSAGES, run: listMessages },
    post: { allow: MESSAGES, run: postMessage },
  });
  return {
    names: [...names, 'chat/socket'],
    router,
    live: rooms,
    upgrade: openDoor(rooms),
    close: () => rooms.closeAll(),
  };
}
