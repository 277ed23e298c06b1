import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Failure, fail } from '../vocabulary/index.ts';
import { answerFailureRaw } from './own-words.ts';

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
  /** How long a connection may stand still before it is looked at; 30 s without it. */
  stalledMs?: number;
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
  const traffic: Traffic = { answers: new Set(), tunnels: new Set() };
  const shouldUpgradeCallback = wish.wantsUpgrade ?? (() => false);
  const server = createServer({ ...LIMITS, shouldUpgradeCallback });
  server.maxConnections = wish.maxConnections;
  server.maxHeadersCount = 0;
  const receive = async (req: IncomingMessage, res: ServerResponse) => {
    if (!server.listening) res.setHeader('Connection', 'close');
    traffic.answers.add(res);
    res.once('close', () => traffic.answers.delete(res));
    await reception.request(req, res);
  };
  server.on('request', receive);
  // Whoever asks before sending is told to go on by the corridor, after admit, never by Node before it.
  server.on('checkContinue', receive);
  server.on('checkExpectation', receive);
  server.on('connect', (_req, socket) => {
    // Node has taken its own listener away: without one, a reset right behind the request would end the process.
    socket.on('error', () => socket.destroy());
    answerFailureRaw(socket, fail('method_refused'));
  });
  server.on('clientError', (error, socket) => answerClientError(traffic, error, socket));
  server.on('upgrade', async (req: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (reception.upgrade === undefined) return answerFailureRaw(socket, fail('upgrade_refused'));
    traffic.tunnels.add(socket);
    socket.once('close', () => traffic.tunnels.delete(socket));
    await reception.upgrade(req, socket, head);
  });
  // Node counts a write that makes progress as activity, however slowly the reader takes it.
  server.timeout = wish.stalledMs ?? STALLED_MS;
  server.on('timeout', (socket) => cutStalled(traffic, socket));
  await listen(server, wish);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : wish.port;
  return { url: `http://${wish.host}:${port}`, drain: (graceMs) => drain(server, traffic, graceMs) };
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

/** Answers under way, and upgraded connections: those have no end of their own that could be waited for. */
type Traffic = Readonly<{ answers: Set<ServerResponse>; tunnels: Set<Socket> }>;

const TUNNEL_GRACE_MS = 500;
const STALLED_MS = 30_000;

/**
 * A connection on which nothing has moved: one without a request goes, and one whose reader takes nothing of its answer, whichever side
 * gives it, since the buffers are ours. One that waits for its side is that side's deadline's affair.
 */
function cutStalled({ answers }: Traffic, socket: Socket): void {
  const answer = [...answers].find((each) => each.socket === socket);
  if (answer === undefined || answer.writableLength > 0) socket.destroy();
}

async function drain(server: Server, { answers, tunnels }: Traffic, graceMs: number): Promise<number> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await untilEmpty(answers, graceMs, () => server.closeIdleConnections());
  // By now the sides have said goodbye to their sockets.
  await untilEmpty(tunnels, Math.min(graceMs, TUNNEL_GRACE_MS));
  const cut = answers.size;
  for (const socket of tunnels) socket.destroy();
  server.closeAllConnections();
  await closed;
  return cut;
}

async function untilEmpty(
  set: ReadonlySet<unknown>,
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

/** What Node's parser could not read. Where an answer is under way on the same connection, nothing may be put in between. */
function answerClientError({ answers }: Traffic, error: NodeJS.ErrnoException, socket: Duplex): void {
  const isBusy = [...answers].some((answer) => answer.socket === socket);
  if (isBusy) socket.destroy();
  else answerFailureRaw(socket, nameClientError(error));
}

function nameClientError(error: NodeJS.ErrnoException): Failure {
  if (error.code === 'HPE_HEADER_OVERFLOW') return fail('headers_too_large');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return fail('request_too_slow');
  return fail('request_malformed');
}
