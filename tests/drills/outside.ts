import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Handle } from '../../src/handle/index.ts';
import { makeWrite } from './write-requests.ts';

/** How often somebody outside the database noticed something. */
export type Performed = Readonly<{ aiAsked: number; framesHeard: number }>;

const TENANT = 'acme';
const CHANNEL = '1';
/** The first two forms of write-requests.ts: a message into the channel that is listened to, and a completion. */
const IN_EARNEST = [0, 1] as const;

/** What a handler could reach outside the database: an AI engine that costs money, and people in a chat. */
export class Outside {
  #performed: Performed = { aiAsked: 0, framesHeard: 0 };
  #aiPort = 0;
  readonly #closers: (() => void)[] = [];

  async open(): Promise<void> {
    const engine = createServer((_req, res) => {
      this.#performed = { ...this.#performed, aiAsked: this.#performed.aiAsked + 1 };
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ choices: [{ message: { content: 'from outside' } }] }));
    });
    this.#aiPort = await this.#listenOn(engine);
  }

  get aiUrl(): string {
    return `http://127.0.0.1:${this.#aiPort}/v1`;
  }

  get performed(): Performed {
    return this.#performed;
  }

  /** People listen to a channel by a real socket. */
  async listen(handle: Handle): Promise<void> {
    const door = createServer();
    door.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      const { asked } = makeWrite(0, Date.now(), TENANT);
      const decision = { ...asked.decision, handler: 'chat/socket', params: { channel: CHANNEL } };
      void handle.upgrade({ ...asked, decision }, req, socket, head);
    });
    const socket = new WebSocket(`ws://127.0.0.1:${await this.#listenOn(door)}/ws/chat/${CHANNEL}/`);
    this.#closers.push(() => socket.terminate());
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('message', (frame) => {
      if (String(frame).startsWith('{"type":"message"'))
        this.#performed = { ...this.#performed, framesHeard: this.#performed.framesHeard + 1 };
    });
  }

  /** The same kinds of writes in earnest: whoever counts must be able to count. */
  async performInEarnest(handle: Handle): Promise<void> {
    const door = createServer((req, res) => {
      const { asked } = makeWrite(Number(req.headers['x-nr']), Date.now(), TENANT);
      void handle.answer(asked, req, res);
    });
    const url = `http://127.0.0.1:${await this.#listenOn(door)}/`;
    for (const nr of IN_EARNEST) {
      const { body } = makeWrite(nr, Date.now(), TENANT).asked;
      const bytes = body.kind === 'whole' ? Buffer.from(body.bytes) : '';
      await (await fetch(url, { method: 'POST', headers: { 'x-nr': String(nr) }, body: bytes })).text();
    }
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
  }

  async #listenOn(server: Server): Promise<number> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }
}
