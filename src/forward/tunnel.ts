import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createProxyMiddleware } from 'http-proxy-middleware';
import type { Failure, Outcome } from '../vocabulary/index.ts';
import type { Ask } from './ask.ts';
import { LegacyTooSlow, nameLegacyFailure } from './legacy-failure.ts';

/** Answers the client in the gateway's own words. Must write at once: the socket is ended right after. */
export type Refuse = (failure: Failure) => void;
export type Tunnel = (
  ask: Ask,
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
  refuse: Refuse,
) => Promise<Outcome>;

type Passage = Readonly<{
  ask: Ask;
  /** The question is on its way to legacy. */
  began(proxyReq: ClientRequest): void;
  /** Legacy has answered: with 101, or with a refusal of its own. */
  answered(status: number): void;
  failed(error: unknown): void;
}>;

/**
 * WebSocket to legacy, by http-proxy-middleware behind our own `upgrade` listener. Its default plugins are ejected (they would
 * answer errors in their own words), and it learns who is calling from `req.headers`, set before it sees the request.
 */
export function openTunnel(legacyUrl: string): Tunnel {
  const passages = new WeakMap<object, Passage>();
  const proxy = createProxyMiddleware({
    target: legacyUrl,
    changeOrigin: false,
    ejectPlugins: true,
    plugins: [
      (server) => {
        server.on('proxyReqWs', (proxyReq, req) => watchRequest(proxyReq, passages.get(req)));
        server.on('error', (error, req) => req && passages.get(req)?.failed(error));
      },
    ],
  });
  return (ask, req, socket, head, refuse) =>
    new Promise((resolve) => {
      passages.set(req, beginPassage(ask, socket, refuse, resolve));
      if (socket.destroyed) return;
      req.headers = joinHeaders(ask);
      req.url = ask.arrival.target;
      proxy.upgrade(req, socket, head);
    });
}

function beginPassage(
  ask: Ask,
  socket: Socket,
  refuse: Refuse,
  resolve: (outcome: Outcome) => void,
): Passage {
  let status: number | undefined;
  let failure: Failure | undefined;
  const failed = (error: unknown) => {
    // What breaks because the client has gone is nobody's failure.
    if (failure !== undefined || socket.destroyed || socket.errored) return;
    failure = nameLegacyFailure(error, 'GET');
    if (status === undefined) refuse(failure);
  };
  const silence = setTimeout(() => {
    failed(new LegacyTooSlow());
    socket.destroySoon();
  }, ask.timeoutMs);
  const closed = () => {
    clearTimeout(silence);
    if (failure === undefined)
      resolve(status === undefined ? { kind: 'abandoned' } : { kind: 'answered', status });
    else resolve(status === undefined ? { kind: 'failed', failure } : { kind: 'cut', status, failure });
  };
  if (socket.destroyed) closed();
  else socket.once('close', closed);
  return {
    ask,
    began: (proxyReq) => {
      const takeBack = () => status === undefined && proxyReq.destroy();
      if (socket.destroyed) takeBack();
      else socket.once('close', takeBack);
    },
    answered: (seen) => {
      status = seen;
      clearTimeout(silence);
    },
    failed,
  };
}

// Ours come first, so that http-proxy-middleware copies the head as we left it.
function watchRequest(proxyReq: ClientRequest, passage: Passage | undefined): void {
  if (passage === undefined) return;
  passage.began(proxyReq);
  const add = (answer: IncomingMessage) => {
    passage.answered(answer.statusCode ?? 0);
    for (let i = 0; i < passage.ask.added.length; i += 2) {
      answer.headers[(passage.ask.added[i] ?? '').toLowerCase()] = passage.ask.added[i + 1];
    }
  };
  proxyReq.prependOnceListener('upgrade', add);
  proxyReq.prependOnceListener('response', add);
}

function joinHeaders({ arrival, identity }: Ask): IncomingHttpHeaders {
  const joined: Record<string, string | string[]> = {
    host: arrival.host,
    connection: 'Upgrade',
    upgrade: 'websocket',
  };
  const lines = [...arrival.headers, ...identity];
  for (let i = 0; i < lines.length; i += 2) {
    const name = (lines[i] ?? '').toLowerCase();
    const value = lines[i + 1] ?? '';
    const known = joined[name];
    joined[name] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value];
  }
  return joined;
}
