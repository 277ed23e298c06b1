import { createServer, type Server } from 'node:net';

export type PortWish = Readonly<{
  host: string;
  port: number;
  /** The setting that names the port, for the sentence that says what to do when it is taken. */
  setting: string;
  /** `beside`: another Banyan has the port and goes on, as while a new version takes over. */
  sharing?: 'alone' | 'beside' | undefined;
}>;

/**
 * Has a server listen; answers on which port. The port is taken with SO_REUSEPORT (socket(7)), so that a later Banyan can be started
 * beside this one; whoever does not say that it wants that is told that the port is taken. Throws an Error with one clear sentence.
 */
export async function takePort(server: Server, wish: PortWish): Promise<number> {
  const { host, port, sharing = 'alone' } = wish;
  try {
    if (sharing === 'alone' && port !== 0) await probe(host, port);
    await listen(server, { host, port, backlog: BACKLOG, reusePort: process.platform === 'linux' });
  } catch (error) {
    throw new Error(nameListenError(error as NodeJS.ErrnoException, wish));
  }
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

const BACKLOG = 1024;

/** Two that both ask for SO_REUSEPORT get the same port without a word: one that does not ask is refused where anybody has it. */
async function probe(host: string, port: number): Promise<void> {
  const server = createServer();
  await listen(server, { host, port });
  await new Promise((resolve) => server.close(resolve));
}

function listen(server: Server, options: Parameters<Server['listen']>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options as object, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function nameListenError(error: NodeJS.ErrnoException, { host, port, setting }: PortWish): string {
  const remedy = `Stop what listens there, or choose another port with ${setting}.`;
  if (error.code === 'EADDRINUSE') return `Port ${port} on ${host} is taken. ${remedy}`;
  if (error.code === 'EACCES')
    return `Port ${port} on ${host} needs more rights than this user has. Choose another one with ${setting}.`;
  return `Cannot listen on ${host}:${port} (${error.code ?? 'unknown reason'}). ${remedy}`;
}
