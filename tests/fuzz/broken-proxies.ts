// Front doors with the faults that a fuzzer must find. None is far from what has stood in front of real sites.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type BrokenProxy = Readonly<{ port: number; close(): Promise<void> }>;

type Passage = Readonly<{ client: Socket; upstream: Socket; address: string }>;

/** What a proxy does with a piece of what its client says: the bytes that go on. */
type Carry = (piece: Buffer, passage: Passage) => Buffer;

async function openProxy(upstreamPort: number, begin: () => Carry): Promise<BrokenProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, '127.0.0.1');
    const carry = begin();
    const address = client.remoteAddress ?? '';
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (piece) => upstream.write(carry(piece, { client, upstream, address })));
    upstream.on('data', (piece) => client.write(piece));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return { port, close };
}

/** Looks at nothing: what comes in goes on. */
export const openPipe = (upstreamPort: number) => openProxy(upstreamPort, () => (piece) => piece);

/** Puts its own lines into the first head of each connection, and believes that one connection is one request. */
export const openFirstHeadOnly = (upstreamPort: number, sign: (head: string) => string) =>
  openProxy(upstreamPort, () => {
    let isFirst = true;
    return (piece, { address }) => {
      if (!isFirst) return piece;
      isFirst = false;
      return Buffer.from(addLines(piece.toString('latin1'), address, sign), 'latin1');
    };
  });

/** Puts its own lines into each head that it finds, and leaves those of the client that mean the same where they are. */
export const openBeliever = (upstreamPort: number, sign: (head: string) => string) =>
  openProxy(upstreamPort, () => (piece, { address }) => {
    const heads = piece.toString('latin1').split(/(?<=\r\n\r\n)/);
    return Buffer.from(heads.map((head) => addLines(head, address, sign)).join(''), 'latin1');
  });

/** Is gone for good once it has met something that it does not understand. */
export async function openMortal(upstreamPort: number): Promise<BrokenProxy> {
  let isDead = false;
  return openProxy(upstreamPort, () => (piece, { client }) => {
    isDead ||= piece.includes(0);
    if (isDead) client.destroy();
    return piece;
  });
}

function addLines(head: string, address: string, sign: (head: string) => string): string {
  const end = head.indexOf('\r\n');
  if (end < 0 || !/ HTTP\/1\.[01]$/.test(head.slice(0, end))) return head;
  return `${head.slice(0, end)}\r\nX-Forwarded-For: ${address}\r\nX-Identity-Tag: ${sign(head)}${head.slice(end)}`;
}
