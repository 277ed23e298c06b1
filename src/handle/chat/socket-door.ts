import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { TenantStore } from '../../store/index.ts';
import type { Emit, Outcome } from '../../vocabulary/index.ts';
import type { HandleRequest } from '../exchange.ts';
import type { Effects } from '../ports.ts';
import { passesOrigin } from '../wire/csrf.ts';
import { failedCsrf, missingTenant, type Refusal } from '../wire/refusal.ts';
import type { LiveRooms } from './live-rooms.ts';
import { serveSocket } from './socket.ts';

export type SocketVisit = Readonly<{
  request: HandleRequest;
  scope: TenantStore;
  effects: Effects;
  emit: Emit;
}>;
type Knock = Omit<SocketVisit, 'scope'> & Readonly<{ scope: TenantStore | undefined }>;
export type SocketDoor = (
  knock: Knock,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
) => Promise<Outcome>;

const LARGEST_FRAME = 64 * 1024;

/** Takes WebSocket handshakes (RFC 6455). The outcome tells of the handshake only; the socket then lives on its own. */
export function openDoor(rooms: LiveRooms): SocketDoor {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LARGEST_FRAME,
    // No subprotocol is agreed, whatever the client offers.
    handleProtocols: () => false,
  });
  return (knock, req, socket, head) => {
    const { request, scope } = knock;
    if (!scope) return refuse(socket, missingTenant());
    if (!passesOrigin(request.caller, readOrigin(request), request.arrival.host))
      return refuse(socket, failedCsrf());
    return shakeHands(server, req, socket, head, (opened) => serveSocket({ ...knock, scope }, rooms, opened));
  };
}

function readOrigin({ arrival: { headers } }: HandleRequest): string | undefined {
  const at = headers.findIndex((each, i) => i % 2 === 0 && each.toLowerCase() === 'origin');
  return at < 0 ? undefined : headers[at + 1];
}

function shakeHands(
  server: WebSocketServer,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  serve: (socket: WebSocket) => void,
): Promise<Outcome> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve({ kind: 'abandoned' }));
    // ws answers a bad handshake itself (400, 405, 426) and ends the socket.
    server.once(
      'wsClientError',
      (_error, _socket, bad) => bad === req && resolve({ kind: 'answered', status: 400 }),
    );
    server.handleUpgrade(req, socket, head, (opened) => {
      resolve({ kind: 'answered', status: 101 });
      serve(opened);
    });
  });
}

function refuse(socket: Duplex, { status, body }: Refusal): Promise<Outcome> {
  const reason = status === 404 ? 'Not Found' : 'Forbidden';
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'Content-Type: text/html; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body.text)}`,
    'X-Frame-Options: DENY',
    'X-Content-Type-Options: nosniff',
    'Referrer-Policy: same-origin',
    'Cross-Origin-Opener-Policy: same-origin',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body.text}`);
  return Promise.resolve({ kind: 'answered', status });
}
