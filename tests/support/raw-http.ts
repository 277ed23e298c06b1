import { connect, createServer, type Socket } from 'node:net';

/** Sends bytes as they are and collects what comes back until the other end closes or `until` is seen. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  until?: string,
): Promise<{ text: string; isClosed: boolean }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    const finish = (isClosed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: Buffer.concat(chunks).toString('latin1'), isClosed });
    };
    const timer = setTimeout(() => finish(false), 3_000);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (until !== undefined && Buffer.concat(chunks).includes(until)) finish(false);
    });
    socket.on('close', () => finish(true));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? finish(true) : reject(error),
    );
  });
}

export type RawServer = Readonly<{
  port: number;
  url: string;
  requests: string[];
  sockets: Set<Socket>;
  close(): Promise<void>;
}>;

/** A server that speaks exactly the bytes that a test gives it: `answer` is called with each whole head that arrives. */
export function openRawServer(
  answer: (socket: Socket, head: string, count: number) => void,
): Promise<RawServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let seen = '';
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1');
      const end = seen.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = seen.slice(0, end + 4);
      seen = seen.slice(end + 4);
      requests.push(head);
      answer(socket, head, requests.length);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const close = () =>
        new Promise<void>((done) => {
          for (const socket of sockets) socket.destroy();
          server.close(() => done());
        });
      resolve({ port, url: `http://127.0.0.1:${port}`, requests, sockets, close });
    });
  });
}
