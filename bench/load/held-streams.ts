import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Held, HoldWish } from './index.ts';

// So many handshakes at once: more would measure how they wait for one another.
const AT_ONCE = 50;
const PATIENCE_MS = 10_000;
// Whoever refuses so many refuses the rest, too.
const MOST_REFUSALS = 100;
const FIN_TEXT = 0x81;
const MASKED = 0x80;
const MASK_BYTES = 4;

/** Streams that are opened, heard once, and then kept. */
export class HeldStreams {
  readonly #wish: HoldWish;
  readonly #sockets = new Set<Socket>();
  readonly #refused: Record<string, number> = {};
  #refusals = 0;

  constructor(wish: HoldWish) {
    this.#wish = wish;
  }

  async open(): Promise<Held> {
    let next = 0;
    const openOneByOne = async () => {
      while (next < this.#wish.count && this.#refusals < MOST_REFUSALS) {
        next += 1;
        await this.#openOne(next);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, openOneByOne));
    return this.look();
  }

  look(): Held {
    return { alive: this.#sockets.size, refused: this.#refused };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async #openOne(number: number): Promise<void> {
    const { port, stream, path, keys } = this.#wish;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const key = keys[number % keys.length] ?? '';
    socket.write(stream === 'events' ? askForEvents(path, key) : askForSocket(path, key));
    const heard = await hearFirst(socket, stream);
    if (heard === 'alive') this.#keep(socket);
    else {
      this.#refusals += 1;
      this.#refused[heard] = (this.#refused[heard] ?? 0) + 1;
      socket.destroy();
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.resume();
  }
}

/** `alive` once something has come over the stream itself; otherwise what came in its place. */
function hearFirst(socket: Socket, stream: HoldWish['stream']): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    let hasSpoken = false;
    const timer = setTimeout(() => resolve('silence'), PATIENCE_MS);
    const settle = (heard: string) => {
      clearTimeout(timer);
      socket.off('data', read);
      resolve(heard);
    };
    const read = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [line = ''] = text.split('\r\n', 1);
      const wanted = stream === 'events' ? ' 200 ' : ' 101 ';
      if (!line.includes(wanted)) return settle(line);
      const hasHeard = text.length > end + '\r\n\r\n'.length;
      if (hasHeard) return settle('alive');
      if (stream === 'socket' && !hasSpoken) {
        hasSpoken = true;
        socket.write(makeTextFrame('hello'));
      }
    };
    socket.on('data', read);
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
    socket.once('close', () => settle('closed'));
  });
}

const ask = (path: string, key: string, lines: readonly string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: app.example.com', `Authorization: Bearer ${key}`, ...lines, '', ''].join(
    '\r\n',
  );

const askForEvents = (path: string, key: string) => ask(path, key, ['Accept: text/event-stream']);

const askForSocket = (path: string, key: string) =>
  ask(path, key, [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
  ]);

/** What a client says is masked (RFC 6455 section 5.3). */
function makeTextFrame(text: string): Buffer {
  const mask = randomBytes(MASK_BYTES);
  const payload = Buffer.from(text).map((byte, i) => byte ^ (mask[i % MASK_BYTES] ?? 0));
  return Buffer.concat([Buffer.from([FIN_TEXT, MASKED | payload.length]), mask, payload]);
}
