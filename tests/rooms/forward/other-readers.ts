import { createServer } from 'node:net';
import { type Dispatcher, Pool } from 'undici';
import type { Said } from './answers.ts';

export type Read = Readonly<{ status: number; phrase: string; raw: readonly string[]; body: string }>;

/** Lets undici ask for it, and answers what it read of it. */
export async function askByUndici({ bytes, method = 'GET' }: Said): Promise<Read | 'refused'> {
  const server = createServer((socket) =>
    socket.on('error', () => undefined).once('data', () => socket.end(bytes, 'latin1')),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const pool = new Pool(`http://127.0.0.1:${port}`, { maxHeaderSize: 64 * 1024 });
  const seen = { status: 0, phrase: '', raw: [] as string[], body: '' };
  const read = await new Promise<Read | 'refused'>((resolve) =>
    pool.dispatch(
      { path: '/', method: method as Dispatcher.HttpMethod },
      {
        onConnect: () => undefined,
        onHeaders: (status: number, raw: Buffer[], _resume: () => void, phrase: string) => {
          if (status >= 200)
            Object.assign(seen, { status, phrase, raw: raw.map((part) => part.toString('latin1')) });
          return true;
        },
        onData: (chunk: Buffer) => {
          seen.body += chunk.toString('latin1');
          return true;
        },
        onComplete: () => resolve(seen),
        onError: () => resolve('refused'),
      },
    ),
  );
  await pool.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return read;
}
