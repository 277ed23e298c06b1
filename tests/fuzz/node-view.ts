import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

// Node refuses heads from 16 KiB on, the gateway's own measure is a little wider. That is a limit, not a reading.
const MAX_HEADER_BYTES = 64 * 1024;

/** One request as Node's own parser reads it, with everything else as Node comes. */
export type NodeRead = Readonly<{ method: string; target: string; body: Buffer }>;

export type NodeView = Readonly<{
  /** The whole requests of one connection that says this and is then ended. */
  read(bytes: Buffer): Promise<readonly NodeRead[]>;
  close(): Promise<void>;
}>;

export async function openNodeView(): Promise<NodeView> {
  const reads = new Map<number, NodeRead[]>();
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (req, res) => {
    const pieces: Buffer[] = [];
    const known = reads.get(req.socket.remotePort ?? 0);
    req.on('error', () => undefined);
    req.on('data', (piece: Buffer) => pieces.push(piece));
    req.on('end', () => {
      known?.push({ method: req.method ?? '', target: req.url ?? '', body: Buffer.concat(pieces) });
      res.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    read: (bytes) =>
      new Promise((resolve) => {
        const found: NodeRead[] = [];
        const socket = connect(port, '127.0.0.1', () => {
          reads.set(socket.localPort ?? 0, found);
          socket.end(bytes);
        });
        const { localPort } = socket;
        socket.on('error', () => undefined);
        socket.resume();
        socket.on('close', () => {
          reads.delete(localPort ?? 0);
          resolve(found);
        });
      }),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
