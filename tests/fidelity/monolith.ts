import { createServer, type Socket } from 'node:net';

const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** One request as the monolith sees it, byte for byte. */
export class Asked {
  readonly socket: Socket;
  /** Request line and header lines, up to and with the empty line. */
  readonly head: string;
  readonly method: string;
  readonly target: string;
  readonly askedMs = performance.now();
  readonly whole: Promise<void>;
  readonly closed: Promise<void>;
  /** When the gateway took its connection away, or undefined. */
  closedMs: number | undefined;
  readonly #length: number | undefined;
  readonly #isChunked: boolean;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #tail: Buffer = Buffer.alloc(0);
  #complete: () => void = () => undefined;

  constructor(socket: Socket, head: string) {
    this.socket = socket;
    this.head = head;
    const [method = '', target = ''] = head.split(' ', 2);
    this.method = method;
    this.target = target;
    const [length] = this.values('content-length');
    this.#length = length === undefined ? undefined : Number(length);
    this.#isChunked = this.values('transfer-encoding').length > 0;
    this.whole = new Promise((resolve) => {
      this.#complete = resolve;
    });
    this.closed = new Promise((resolve) => {
      const gone = () => {
        this.closedMs ??= performance.now();
        resolve();
      };
      socket.once('end', gone).once('close', gone);
    });
    if (this.isWhole()) this.#complete();
  }

  /** Header lines in the order in which they came. */
  get lines(): string[] {
    return this.head.split('\r\n').slice(1, -2);
  }

  /** What has come behind the head so far, framing and all. */
  get body(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** The values of one field, looked for without regard to case. */
  values(name: string): string[] {
    return this.lines
      .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
      .map((line) => line.slice(name.length + 1).trim());
  }

  /** Takes what belongs to this request; answers what belongs to the next. */
  take(bytes: Buffer): Buffer {
    const taken = this.#findEnd(bytes);
    this.#pieces.push(bytes.subarray(0, taken));
    this.#bytes += taken;
    this.#tail = Buffer.concat([this.#tail, bytes.subarray(Math.max(0, taken - 5), taken)]).subarray(-5);
    if (this.isWhole()) this.#complete();
    return bytes.subarray(taken);
  }

  isWhole(): boolean {
    if (this.#length !== undefined) return this.#bytes >= this.#length;
    return !this.#isChunked || this.#tail.equals(LAST_CHUNK);
  }

  #findEnd(bytes: Buffer): number {
    if (this.#length !== undefined) return Math.min(bytes.length, this.#length - this.#bytes);
    if (!this.#isChunked) return 0;
    const joined = Buffer.concat([this.#tail, bytes]);
    const last = joined.indexOf(LAST_CHUNK);
    return last < 0 ? bytes.length : last + LAST_CHUNK.length - this.#tail.length;
  }
}

export type Answer = (asked: Asked) => unknown;

export type Monolith = Readonly<{
  url: string;
  port: number;
  /** Every request so far. */
  asked: Asked[];
  /** How many connections there have been. */
  connections(): number;
  /** From now on answers the requests for this path, with or without a query. Without one: `200`, `ok`. */
  on(path: string, answer: Answer): void;
  /** Waits for the request for this path; the first of them, or the one of that number. */
  heard(path: string, number?: number): Promise<Asked>;
  close(): Promise<void>;
}>;

// To the whole question: an answer to half of one ends the other half.
const OK: Answer = async ({ socket, whole }) => {
  await whole;
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
};

/** A server that says exactly the bytes that a test gives it, and keeps exactly those that it was sent. */
export async function openMonolith(): Promise<Monolith> {
  const asked: Asked[] = [];
  const answers = new Map<string, Answer>();
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.setMaxListeners(0).on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    readRequests(socket, (each) => {
      asked.push(each);
      (answers.get(each.target.split('?')[0] ?? '') ?? OK)(each);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    asked,
    connections: () => connections,
    on: (path, answer) => void answers.set(path, answer),
    heard: (path, number = 1) => waitFor(asked, path, number),
    close: () =>
      new Promise((done) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => done());
      }),
  };
}

function readRequests(socket: Socket, note: (asked: Asked) => void): void {
  let current: Asked | undefined;
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length > 0) {
      if (current !== undefined && !current.isWhole()) {
        rest = Buffer.from(current.take(rest));
        continue;
      }
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      current = new Asked(socket, rest.subarray(0, end + 4).toString('latin1'));
      rest = rest.subarray(end + 4);
      // With the bytes that came with it.
      if (rest.length > 0) rest = Buffer.from(current.take(rest));
      note(current);
    }
  });
}

async function waitFor(asked: readonly Asked[], path: string, number: number): Promise<Asked> {
  const beganMs = performance.now();
  for (;;) {
    const found = asked.filter(({ target }) => target.split('?')[0] === path)[number - 1];
    if (found !== undefined) return found;
    if (performance.now() - beganMs > 5_000) throw new Error(`legacy was not asked for ${path}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
