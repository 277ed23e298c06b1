import type { Socket } from 'node:net';

const EVENTS = ['close', 'data', 'drain', 'end', 'error', 'finish', 'unpipe'] as const;

type Heard = readonly (readonly [event: (typeof EVENTS)[number], listeners: ReadonlySet<unknown>])[];

/**
 * Joins the ends of a WebSocket whose handshake is about to be finished by http-proxy-middleware. What that hangs on them to carry bytes holds
 * the whole handshake in memory for as long as the WebSocket lives: it is taken off again, and the bytes are carried here. 28 KB for each became 14.
 */
export function carryAlone(client: Socket, legacy: Socket, taken: () => void): void {
  const [ofClient, ofLegacy] = [hear(client), hear(legacy)];
  setImmediate(() => {
    client.unpipe(legacy);
    legacy.unpipe(client);
    takeOff(client, ofClient);
    takeOff(legacy, ofLegacy);
    // "close" follows, and ends the other.
    client.on('error', ignore);
    legacy.on('error', ignore);
    carry(client, legacy);
    carry(legacy, client);
    taken();
  });
}

const hear = (socket: Socket): Heard =>
  EVENTS.map((event) => [event, new Set<unknown>(socket.rawListeners(event))] as const);

function takeOff(socket: Socket, before: Heard): void {
  for (const [event, known] of before)
    for (const listener of socket.rawListeners(event))
      if (!known.has(listener)) socket.removeListener(event, listener as () => void);
}

const ignore = () => undefined;

/** At the pace of whoever reads. */
function carry(from: Socket, to: Socket): void {
  from.on('data', (bytes: Buffer) => {
    // What is for somebody who has gone is read, and thrown away.
    if (!to.destroyed && !to.write(bytes)) from.pause();
  });
  to.on('drain', () => void from.resume());
  from.on('end', () => void to.end());
  if (from.readableEnded) to.end();
  else from.resume();
}
