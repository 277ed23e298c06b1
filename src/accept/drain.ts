import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { OutgoingAnswer } from '../vocabulary/index.ts';
import type { Connections } from './idle.ts';
import type { Underway } from './underway.ts';

/** Answers under way, and upgraded connections: those have no end of their own that could be waited for. */
export type Traffic = Readonly<{ answers: Underway<OutgoingAnswer>; tunnels: Set<Socket> }>;

/** The connections on which anybody is being answered at this moment. */
export function findBusy({ answers, tunnels }: Traffic): (socket: Socket) => boolean {
  const busy = new Set([...[...answers].map(({ socket }) => socket), ...tunnels]);
  return (socket) => busy.has(socket);
}

const TUNNEL_GRACE_MS = 500;

/** Lets what is in flight end within `graceMs`, then cuts it. Answers how many were cut. */
export async function drain(
  server: Server,
  {
    closed,
    traffic,
    connections,
  }: Readonly<{ closed: Promise<void>; traffic: Traffic; connections: Connections }>,
  graceMs: number,
): Promise<number> {
  const { answers, tunnels } = traffic;
  const rest = {
    get size() {
      return connections.open.size - tunnels.size;
    },
  };
  await untilEmpty(rest, graceMs, () => connections.sweep(findBusy(traffic)));
  // By now the sides have said goodbye to their sockets.
  await untilEmpty(tunnels, Math.min(graceMs, TUNNEL_GRACE_MS));
  const cut = answers.size;
  for (const socket of tunnels) socket.destroy();
  server.closeAllConnections();
  for (const socket of connections.open) socket.destroy();
  await closed;
  // What it does at regular intervals ends here, too.
  server.close(() => undefined);
  return cut;
}

async function untilEmpty(
  set: Readonly<{ size: number }>,
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
