// Who stands behind every proxy. It must never be what is measured: it does as little as can be done, on the core of the load.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../tests/support/free-port.ts';
import { fillTemplate } from '../config-template.ts';
import { findProgram, readFileLimit } from '../machine.ts';
import { type Server, startServer } from '../processes.ts';
import { BODY_BYTES, makeJson } from './canned.ts';

export { BODY_BYTES, FIRST_EVENT, PLACES, UP_ANSWER } from './canned.ts';

export type Upstream = Server & Readonly<{ name: 'nginx' | 'raw sockets in Node' }>;

type Wish = Readonly<{ folder: string; cores: string | undefined }>;

/** nginx where it is installed: it answers a given body with the least processor time. */
export async function startUpstream(wish: Wish): Promise<Upstream> {
  const nginx = findProgram('nginx');
  return nginx === undefined ? startRawUpstream(wish) : startNginx(nginx, wish);
}

/** Takes uploads, holds event streams open, speaks WebSocket: what nginx alone does not. */
export async function startRawUpstream({ folder, cores }: Wish): Promise<Upstream> {
  const port = await freePort();
  const server = await startServer({
    command: [process.execPath, fileURLToPath(new URL('./main.ts', import.meta.url)), String(port)],
    cores,
    port,
    logFile: join(folder, 'upstream-raw.log'),
  });
  return { ...server, name: 'raw sockets in Node' };
}

async function startNginx(nginx: string, { folder, cores }: Wish): Promise<Upstream> {
  const port = await freePort();
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'large.json'), makeJson(BODY_BYTES.large));
  writeFileSync(join(folder, 'huge.bin'), Buffer.alloc(BODY_BYTES.huge, 'x'));
  const config = fillTemplate(new URL('./nginx.conf', import.meta.url), {
    FOLDER: folder,
    PORT: port,
    FILES: readFileLimit(),
    SMALL: makeJson(BODY_BYTES.small),
  });
  const configFile = join(folder, 'upstream.conf');
  writeFileSync(configFile, config);
  const server = await startServer({
    command: [nginx, '-e', 'stderr', '-p', folder, '-c', configFile],
    cores,
    port,
    logFile: join(folder, 'upstream.log'),
  });
  return { ...server, name: 'nginx' };
}
