import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { serveSocket } from '../views/chat-socket.ts';
import { type Answer, AnswerInstead, CSRF_FAILED, page } from './answers.ts';
import { type Desk, type Opened, openRequest, splitPath } from './dispatch.ts';
import { findSocketChannel } from './routes.ts';
import { sendAnswer } from './send.ts';

const LARGEST_FRAME = 64 * 1024;

/** Answers upgrades: the chat's sockets, and a page for every other path. */
export function openSocketDesk(desk: Desk) {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: LARGEST_FRAME,
    perMessageDeflate: false,
    handleProtocols: () => false,
  });
  return {
    async upgrade(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
      socket.on('error', () => socket.destroy());
      try {
        const opened = await openRequest(desk, req);
        const channel = findSocketChannel(splitPath(req));
        const fault = desk.faults().find('GET', splitPath(req));
        if (fault?.kind === 'hang')
          return void desk.closing.addEventListener('abort', () => socket.destroy());
        if (fault?.kind === 'drop') return void socket.destroy();
        if (fault?.kind === 'fail') throw new AnswerInstead(page(fault.status));
        if (fault?.kind === 'slow') await delay(fault.ms);
        if (channel === undefined) throw new AnswerInstead(page(404));
        if (isFromOtherSite(req, opened)) throw new AnswerInstead(CSRF_FAILED);
        server.handleUpgrade(req, socket, head, (client) => {
          const visit = { house: desk.house, tenant: opened.tenant, user: opened.tag.user, channel };
          serveSocket(visit, client);
          // Cut in the middle: after the handshake and the welcome.
          if (fault?.kind === 'cut') client.once('pong', () => client.terminate()).ping();
        });
      } catch (error) {
        const answer = error instanceof AnswerInstead ? error.answer : page(500);
        if (!(error instanceof AnswerInstead))
          desk.report(`Internal Server Error: ${splitPath(req)}: ${(error as Error).message}`);
        refuseUpgrade(req, socket, answer);
      }
    },
    close() {
      for (const client of server.clients) client.close(1001);
      // A peer that does not answer the close frame is not waited for.
      setTimeout(() => {
        for (const client of server.clients) client.terminate();
      }, 500).unref();
    },
  };
}

/** A browser lets any page open a socket with the user's cookie: only the Origin tells (RFC 6455 section 10.2). */
function isFromOtherSite({ headers }: IncomingMessage, { tag }: Opened): boolean {
  if (tag.by !== 'session' || headers.origin === undefined) return false;
  return !URL.canParse(headers.origin) || new URL(headers.origin).host !== (headers.host ?? '').toLowerCase();
}

function refuseUpgrade(req: IncomingMessage, socket: Socket, answer: Answer): void {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  res.once('finish', () => socket.end());
  void sendAnswer(res, answer, [], 'whole').catch(() => socket.destroy());
}
