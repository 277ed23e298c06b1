import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Failure, fail } from '../vocabulary/index.ts';
import { answerFailure, answerFailureRaw } from './own-words.ts';

/** Who receives what comes in. */
export type Reception = Readonly<{
  request(req: IncomingMessage, res: ServerResponse): Promise<void>;
  upgrade?(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void>;
}>;

export type Listener = Readonly<{
  url: string;
  /** Takes nothing new, lets what is in flight end within `graceMs`, then cuts it. Answers how many were cut. */
  drain(graceMs: number): Promise<number>;
}>;

export type ListenerWish = Readonly<{
  host: string;
  port: number;
  /** The setting that names the port, for the sentence that says what to do when it is taken. */
  setting: string;
  maxConnections: number;
  /** Which upgrades are upgrades to us; all others are answered as the ordinary requests that they are, too. */
  wantsUpgrade?: (req: IncomingMessage) => boolean;
}>;

// Slow heads are cut after 10 s, checked every 2 s; the body's pace is the route's affair. The keep-alive is longer than the 60 s
// of common load balancers, so that they close first. Node's own limit on heads is wide, so that admit can say which part of one is too long.
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 0,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 64 * 1024,
  requireHostHeader: false,
} as const;

/** Opens a listening HTTP server; throws an Error with one clear sentence where the port is taken. */
export async function openListener(wish: ListenerWish, reception: Reception): Promise<Listener> {
  const inFlight = new Set<Duplex>();
  let isDraining = false;
  const server = createServer({ ...LIMITS, shouldUpgradeCallback: wish.wantsUpgrade ?? (() => false) });
  server.maxConnections = wish.maxConnections;
  server.maxHeadersCount = 0;
  const receive = async (req: IncomingMessage, res: ServerResponse) => {
    if (isDraining) res.setHeader('Connection', 'close');
    inFlight.add(req.socket);
    res.once('close', () => inFlight.delete(req.socket));
    await reception.request(req, res);
  };
  server.on('request', receive);
  // "100 Continue" is sent by Node when a room first reads the body: after admit, never before.
  server.on('checkContinue', receive);
  server.on('checkExpectation', (req, res) => answerFailure(req, res, fail('expectation_failed'), undefined));
  server.on('connect', (_req, socket) => answerFailureRaw(socket, fail('method_refused')));
  server.on('clientError', (error, socket) => answerFailureRaw(socket, nameClientError(error)));
  server.on('upgrade', async (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (reception.upgrade === undefined) return answerFailureRaw(socket, fail('upgrade_refused'));
    socket.on('error', () => socket.destroy());
    inFlight.add(socket);
    socket.once('close', () => inFlight.delete(socket));
    await reception.upgrade(req, socket, head);
  });
  await listen(server, wish);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : wish.port;
  return {
    url: `http://${wish.host}:${port}`,
    drain: async (graceMs) => {
      isDraining = true;
      return closeWithin(server, inFlight, graceMs);
    },
  };
}

function listen(server: Server, { host, port, setting }: ListenerWish): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(nameListenError(error, host, port, setting))),
    );
    server.listen(port, host, 1024, resolve);
  });
}

function nameListenError(error: NodeJS.ErrnoException, host: string, port: number, setting: string): string {
  const remedy = `Stop what listens there, or choose another port with ${setting}.`;
  if (error.code === 'EADDRINUSE') return `Port ${port} on ${host} is taken. ${remedy}`;
  if (error.code === 'EACCES')
    return `Port ${port} on ${host} needs more rights than this user has. Choose another one with ${setting}.`;
  return `Cannot listen on ${host}:${port} (${error.code ?? 'unknown reason'}). ${remedy}`;
}

async function closeWithin(server: Server, inFlight: ReadonlySet<Duplex>, graceMs: number): Promise<number> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // A kept-alive connection becomes idle only after its answer: look again until none is left.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const deadline = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
  await Promise.race([closed, waitUntilEmpty(inFlight), deadline]);
  clearInterval(sweep);
  const cut = inFlight.size;
  for (const socket of inFlight) socket.destroy();
  server.closeAllConnections();
  await closed;
  return cut;
}

async function waitUntilEmpty(sockets: ReadonlySet<Duplex>): Promise<void> {
  while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

function nameClientError(error: NodeJS.ErrnoException): Failure {
  if (error.code === 'HPE_HEADER_OVERFLOW') return fail('headers_too_large');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return fail('request_too_slow');
  return fail('request_malformed');
}
