import { createServer } from 'node:net';

const given = new Set<number>();

/** A port of this machine that was free a moment ago; never the same twice, which the kernel may well offer. */
export async function freePort(): Promise<number> {
  const port = await probe();
  if (given.has(port)) return freePort();
  given.add(port);
  return port;
}

function probe(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
