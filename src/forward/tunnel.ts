import { Agent, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { createProxyMiddleware } from 'http-proxy-middleware';
import type { Failure, Outcome } from '../vocabulary/index.ts';
import type { Ask } from './ask.ts';
import { writeQuestionHead } from './handshake-head.ts';
import { openLookup } from './lookup.ts';
import { Passage } from './passage.ts';

/** Answers the client in the gateway's own words. Must write at once: the socket is ended right after. */
export type Refuse = (failure: Failure) => void;
export type Tunnel = (
  ask: Ask,
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
  refuse: Refuse,
) => Promise<Outcome>;

const NOTHING = Buffer.alloc(0);

/**
 * WebSocket to legacy, by http-proxy-middleware behind our own `upgrade` listener. Its default plugins are ejected (they would
 * answer errors in their own words), and it learns who is calling from `req.headers`, set before it sees the request.
 */
export function openTunnel(legacyUrl: string): Tunnel {
  const passages = new WeakMap<object, Passage>();
  const proxy = createProxyMiddleware({
    target: legacyUrl,
    changeOrigin: false,
    agent: openAgent(legacyUrl),
    ejectPlugins: true,
    plugins: [
      (server) => {
        server.on('proxyReqWs', (proxyReq, req) => passages.get(req)?.asked(proxyReq));
        server.on('error', (error, req) => req && passages.get(req)?.failed(error));
      },
    ],
  });
  return (ask, req, socket, head, refuse) =>
    new Promise((resolve) => {
      passages.set(req, new Passage({ ask, req, socket, head, refuse, resolve }));
      if (socket.destroyed) return;
      req.headers = writeQuestionHead(ask);
      req.url = ask.arrival.target;
      proxy.upgrade(req, socket, NOTHING);
    });
}

// A tunnel's connection is used once.
function openAgent(legacyUrl: string): Agent {
  const options = { keepAlive: false, lookup: openLookup() };
  return legacyUrl.startsWith('https:') ? new TlsAgent(options) : new Agent(options);
}
