import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Handle } from '../../src/handle/index.ts';
import { makeWrite } from './write-requests.ts';

/** What a handler could reach outside the database, and how often it did. */
export type Outside = Readonly<{
  aiUrl: string;
  /** An AI engine that costs money was asked; people in a chat heard something. */
  performed(): Readonly<{ aiAsked: number; framesHeard: number }>;
  /** People of the first tenant listen to a channel by a real socket. */
  listen(handle: Handle): Promise<void>;
  /** The same kinds of writes in earnest: whoever counts must be able to count. */
  performInEarnest(handle: Handle): Promise<void>;
  close(): void;
}>;

const LISTENED = 1;
const TENANT = 'acme';

export async function openOutside(): Promise<Outside> {
  let [aiAsked, framesHeard] = [0, 0];
  const engine = createServer((_req, res) => {
    aiAsked += 1;
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify({ choices: [{ message: { content: 'from outside' } }] }));
  });
  const port = await listenOn(engine);
  const closers: (() => void)[] = [() => engine.close()];
  return {
    aiUrl: `http://127.0.0.1:${port}/v1`,
    performed: () => ({ aiAsked, framesHeard }),
    listen: async (handle) => {
      const door = createServer();
      door.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
        const { asked } = makeWrite(0, Date.now(), TENANT);
        const decision = { ...asked.decision, handler: 'chat/socket', params: { channel: String(LISTENED) } };
        void handle.upgrade({ ...asked, decision }, req, socket, head);
      });
      const socket = new WebSocket(`ws://127.0.0.1:${await listenOn(door)}/ws/chat/${LISTENED}/`);
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      socket.on('message', (frame) => {
        if (String(frame).startsWith('{"type":"message"')) framesHeard += 1;
      });
      closers.push(() => {
        socket.terminate();
        door.close();
      });
    },
    performInEarnest: async (handle) => {
      const door = createServer((req, res) => {
        const { asked } = makeWrite(Number(req.headers['x-nr']), Date.now(), TENANT);
        void handle.answer(asked, req, res);
      });
      const url = `http://127.0.0.1:${await listenOn(door)}/`;
      // The first two forms of write-requests.ts: a message into the channel that is listened to, and a completion.
      for (const nr of [0, 1]) {
        const { body } = makeWrite(nr, Date.now()).asked;
        const bytes = body.kind === 'whole' ? Buffer.from(body.bytes) : '';
        await (await fetch(url, { method: 'POST', headers: { 'x-nr': String(nr) }, body: bytes })).text();
      }
      door.closeAllConnections();
      door.close();
    },
    close: () => {
      for (const close of closers.splice(0)) close();
    },
  };
}

async function listenOn(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
