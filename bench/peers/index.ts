// Who is measured beside Banyan. Each configuration says in its first lines why it is fair.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../tests/support/free-port.ts';
import { fillTemplate } from '../config-template.ts';
import { findProgram, readFileLimit } from '../machine.ts';
import { type Server, startServer } from '../processes.ts';

export type PeerName =
  | 'nginx'
  | 'HAProxy'
  | 'Caddy'
  | 'bare undici'
  | 'fast-proxy'
  | '@fastify/http-proxy'
  | 'express 5 + http-proxy-middleware 4';

export type PeerWish = Readonly<{ folder: string; cores: string | undefined; upstreamPort: number }>;

/** A server, or the reason why there is none here. */
export type PeerStart = Server | Readonly<{ missing: string }>;

type Peer = Readonly<
  | {
      kind: 'program';
      program: string;
      config: string;
      argv: (configFile: string, folder: string) => readonly string[];
    }
  | { kind: 'module'; module: string; packages: readonly string[] }
>;

const PEERS: Readonly<Record<PeerName, Peer>> = {
  nginx: {
    kind: 'program',
    program: 'nginx',
    config: 'nginx.conf',
    argv: (file, folder) => ['-e', 'stderr', '-p', folder, '-c', file],
  },
  HAProxy: {
    kind: 'program',
    program: 'haproxy',
    config: 'haproxy.cfg',
    argv: (file) => ['-db', '-f', file],
  },
  Caddy: {
    kind: 'program',
    program: 'caddy',
    config: 'Caddyfile',
    argv: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
  'bare undici': { kind: 'module', module: 'undici-dispatch.ts', packages: ['undici'] },
  'fast-proxy': { kind: 'module', module: 'fast-proxy.ts', packages: ['fast-proxy'] },
  '@fastify/http-proxy': {
    kind: 'module',
    module: 'fastify-http-proxy.ts',
    packages: ['fastify', '@fastify/http-proxy'],
  },
  'express 5 + http-proxy-middleware 4': {
    kind: 'module',
    module: 'express-hpm.ts',
    packages: ['express', 'http-proxy-middleware'],
  },
};

/** HAProxy and nginx are told what they may have; HAProxy refuses to start where it may not. */
const MOST_FILES = 65_536;
const FURTHER_FILES = 200;

export async function startPeer(name: PeerName, wish: PeerWish): Promise<PeerStart> {
  const peer = PEERS[name];
  return peer.kind === 'program' ? startProgram(peer, wish) : startModule(peer, wish);
}

async function startProgram(
  { program, config, argv }: Extract<Peer, { kind: 'program' }>,
  { folder, cores, upstreamPort }: PeerWish,
): Promise<PeerStart> {
  const path = findProgram(program);
  if (path === undefined) return { missing: `${program} is not installed` };
  const port = await freePort();
  const configFile = join(folder, config);
  const files = Math.min(readFileLimit(), MOST_FILES);
  const values = {
    FOLDER: folder,
    PORT: port,
    UPSTREAM: upstreamPort,
    FILES: files,
    CONNECTIONS: Math.floor((files - FURTHER_FILES) / 2),
  };
  writeFileSync(configFile, fillTemplate(new URL(config, import.meta.url), values));
  return startServer({
    command: [path, ...argv(configFile, folder)],
    cores,
    port,
    logFile: join(folder, `${program}.log`),
    // Caddy keeps its configuration below the home folder.
    env: { HOME: folder },
  });
}

async function startModule(
  { module, packages }: Extract<Peer, { kind: 'module' }>,
  { folder, cores, upstreamPort }: PeerWish,
): Promise<PeerStart> {
  const absent = packages.filter((name) => !isInstalled(name));
  if (absent.length > 0) return { missing: `${absent.join(', ')} not installed: run npm ci` };
  const port = await freePort();
  const file = fileURLToPath(new URL(module, import.meta.url));
  return startServer({
    command: [process.execPath, file, String(port), String(upstreamPort)],
    cores,
    port,
    logFile: join(folder, `${module}.log`),
    env: { NODE_ENV: 'production' },
  });
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
