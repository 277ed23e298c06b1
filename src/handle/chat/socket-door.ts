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
  const handshakes = watchHandshakes(server);
  return (knock, req, socket, head) => {
    const { request, scope } = knock;
    if (!scope) return refuse(socket, missingTenant(), request.added);
    if (!passesOrigin(request.caller, readOrigin(request), request.arrival.host))
      return refuse(socket, failedCsrf(), request.added);
    return shakeHands(server, handshakes, { request, req, socket, head }, (opened) =>
      serveSocket({ ...knock, scope }, rooms, opened),
    );
  };
}

function readOrigin({ arrival: { headers } }: HandleRequest): string | undefined {
  const at = headers.findIndex((each, i) => i % 2 === 0 && each.toLowerCase() === 'origin');
  return at < 0 ? undefined : headers[at + 1];
}

type Handshakes = WeakMap<IncomingMessage, Readonly<{ added: readonly string[]; refused(): void }>>;

/** One listener for all handshakes: ws tells by events of the server what belongs to one request. */
function watchHandshakes(server: WebSocketServer): Handshakes {
  const handshakes: Handshakes = new WeakMap();
  server.on('headers', (lines, req) => {
    const { added = [] } = handshakes.get(req) ?? {};
    for (let i = 0; i + 1 < added.length; i += 2) lines.push(`${added[i]}: ${added[i + 1]}`);
  });
  // ws answers a bad handshake itself (400, 405, 426) once somebody listens, and ends the socket.
  server.on('wsClientError', (error, socket, req) => {
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: ${error.message.length}\r\n\r\n${error.message}`,
    );
    handshakes.get(req)?.refused();
  });
  return handshakes;
}

type Knocking = Readonly<{ request: HandleRequest; req: IncomingMessage; socket: Duplex; head: Buffer }>;

function shakeHands(
  server: WebSocketServer,
  handshakes: Handshakes,
  { request, req, socket, head }: Knocking,
  serve: (socket: WebSocket) => void,
): Promise<Outcome> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve({ kind: 'abandoned' });
    socket.once('close', () => resolve({ kind: 'abandoned' }));
    const refused = () => resolve({ kind: 'answered', status: 400 });
    handshakes.set(req, { added: request.added ?? [], refused });
    server.handleUpgrade(req, socket, head, (opened) => {
      resolve({ kind: 'answered', status: 101 });
      serve(opened);
    });
  });
}

function refuse(socket: Duplex, { status, body }: Refusal, added: readonly string[] = []): Promise<Outcome> {
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
  for (let i = 0; i + 1 < added.length; i += 2) head.push(`${added[i]}: ${added[i + 1]}`);
  socket.end(`${head.join('\r\n')}\r\n\r\n${body.text}`);
  return Promise.resolve({ kind: 'answered', status });
}
