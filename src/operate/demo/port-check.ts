import { createServer } from 'node:net';

/** Throws one clear sentence where the port cannot be had; `setting` is the environment variable that chooses another. */
export async function checkPortIsFree(port: number, setting: string): Promise<void> {
  const error = await tryPort(port);
  if (error === undefined) return;
  const reason = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${error.code})`;
  throw new Error(
    `Port ${port} ${reason}. Stop what listens there, or start with another one: ${setting}=${port + 1} npm start`,
  );
}

function tryPort(port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', resolve);
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(undefined)));
  });
}
