import { type AddressInfo, createServer, type Socket } from 'node:net';
import { isMessage, type Message, readRequest, valuesOf } from './strict-parser.ts';

/** A whole request as the upstream read it; its answer names it by its number in `X-Echo`. */
export type Seen = Message & Readonly<{ number: number }>;

export type RecordingUpstream = Readonly<{
  port: number;
  url: string;
  /** Whole requests, in the order in which they ended; the gateway's own pings are left out. */
  seen: readonly Seen[];
  /** What of its connections could not be read as HTTP. */
  refused: readonly string[];
  /** Beginnings of requests whose connection closed before their end. */
  halves: readonly string[];
  /** Beginnings of requests that are still open. */
  open(): readonly string[];
  close(): Promise<void>;
}>;

export type Answering = (seen: Seen, socket: Socket) => string | undefined;

/**
 * Stands in the monolith's place, reads with the strict parser, and answers each request with what it saw. `answer` may say something
 * else: undefined where it has answered itself, or never will.
 */
export async function openRecordingUpstream(answer: Answering = writeEcho): Promise<RecordingUpstream> {
  const seen: Seen[] = [];
  const refused: string[] = [];
  const halves: string[] = [];
  const rests = new Map<Socket, Buffer>();
  let count = 0;
  const read = (socket: Socket, bytes: Buffer) => {
    let at = 0;
    for (;;) {
      const message = readRequest(bytes, at);
      if (!isMessage(message)) {
        rests.set(socket, bytes.subarray(at));
        if (message.kind === 'partial') return;
        refused.push(message.why);
        return void socket.destroy();
      }
      at = message.end;
      if (isPing(message)) socket.write(PONG);
      else {
        const whole = { ...message, number: count++ };
        seen.push(whole);
        const text = answer(whole, socket);
        if (text !== undefined) socket.write(text, 'latin1');
      }
    }
  };
  const server = createServer((socket) => {
    rests.set(socket, Buffer.alloc(0));
    socket.on('error', () => undefined);
    socket.on('data', (piece) => read(socket, Buffer.concat([rests.get(socket) ?? Buffer.alloc(0), piece])));
    socket.on('close', () => {
      const rest = rests.get(socket)?.toString('latin1') ?? '';
      if (rest !== '') halves.push(rest);
      rests.delete(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    seen,
    refused,
    halves,
    open: () => [...rests.values()].map(String).filter((rest) => rest !== ''),
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of rests.keys()) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const PONG = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

/** How the gateway asks whether the monolith is there: nobody's request, so nobody's name is on it. */
function isPing({ method, target, lines }: Message): boolean {
  return method === 'HEAD' && target === '/' && valuesOf(lines, 'via').length === 0;
}

export function writeEcho({ number, method, target, body, isUpgrade }: Seen): string {
  const text = `${number} ${method} ${target} ${body.length}\n`;
  const last = isUpgrade ? 'Connection: close\r\n' : '';
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Echo: ${number}\r\nX-Echo-Method: ${method}\r\n${last}`;
  return `${head}Content-Length: ${text.length}\r\n\r\n${method === 'HEAD' ? '' : text}`;
}
