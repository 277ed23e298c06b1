// 64 MB each way in the default run. The full gigabyte: FIDELITY_MB=1024 npm test -- tests/fidelity/large-bodies
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTagKeysText } from '../../src/admit/index.ts';
import { type BanyanProcess, runBanyan, untilPrinted } from '../support/banyan-process.ts';
import { freePort } from '../support/free-port.ts';
import { createStoreDatabase } from '../support/store.ts';
import { untilMs, writeTable } from './stand.ts';

const MB = 1024 * 1024;
const SIZE_MB = Number(process.env.FIDELITY_MB ?? '64');
/** What the process may grow by from its start, whatever it carries: code, buffers and young garbage. About 75 were measured. */
const MOST_GROWTH_MB = 120;
const PATIENCE_MS = 30_000 + SIZE_MB * 200;
const PIECE = randomBytes(MB);
const SUM = (() => {
  const hash = createHash('sha256');
  for (let i = 0; i < SIZE_MB; i += 1) hash.update(PIECE);
  return hash.digest('hex');
})();

async function* pieces() {
  for (let i = 0; i < SIZE_MB; i += 1) yield PIECE;
}

/** The monolith hashes what it gets, and sends the same bytes back when asked. */
async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.url === '/stuck') return void req.pause();
  if (req.method === 'POST') {
    const hash = createHash('sha256');
    for await (const chunk of req) hash.update(chunk as Buffer);
    res.end(hash.digest('hex'));
    return;
  }
  if (req.url === '/down-with-length') res.setHeader('Content-Length', SIZE_MB * MB);
  await pipeline(Readable.from(pieces()), res).catch(() => undefined);
}

let legacy: Server;
let store: Awaited<ReturnType<typeof createStoreDatabase>>;
let banyan: BanyanProcess;
let port: number;
let idleMb: number;
const folder = mkdtempSync(join(tmpdir(), 'banyan-large-'));

beforeAll(async () => {
  legacy = createServer((req, res) => void answer(req, res));
  await new Promise<void>((resolve) => legacy.listen(0, '127.0.0.1', resolve));
  store = await createStoreDatabase();
  port = await freePort();
  writeFileSync(join(folder, 'routes.config.yaml'), writeTable(30_000));
  banyan = runBanyan(['serve'], {
    PORT: String(port),
    ADMIN_PORT: String(await freePort()),
    WORKERS: '1',
    DATABASE_URL: store.appUrl,
    LEGACY_URL: `http://127.0.0.1:${(legacy.address() as AddressInfo).port}`,
    BANYAN_CONFIG: join(folder, 'routes.config.yaml'),
    BANYAN_ADMIN_TOKEN: 'x'.repeat(32),
    TAG_SIGNING_KEYS: createTagKeysText(),
    SHED_LAG_MS: '60000',
    // Nobody notices a client that leaves behind bytes which legacy does not read.
    SHUTDOWN_GRACE_MS: '200',
  });
  await untilPrinted(banyan, '"door":"gateway"');
  await fetch(`http://127.0.0.1:${port}/up`, { method: 'POST', body: 'x' });
  idleMb = process.platform === 'linux' ? readMemory(banyan.child.pid ?? 0) : 0;
});
afterAll(async () => {
  banyan.child.kill('SIGTERM');
  await banyan.exited;
  legacy.close();
  legacy.closeAllConnections();
  await store.drop();
  rmSync(folder, { recursive: true });
});

/** Resident memory of the gateway and of every process that it has started, in MB. */
function readMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const own = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return children.reduce((sum, child) => sum + readMemory(child), own);
}

/** The most that the processes have held while it was carried, above what they held before anything was. */
async function measureGrowth(carry: () => Promise<string>): Promise<number> {
  let peakMb = 0;
  const look = () => {
    peakMb = Math.max(peakMb, readMemory(banyan.child.pid ?? 0));
  };
  const looking = setInterval(look, 20);
  const sum = await carry().finally(() => clearInterval(looking));
  look();
  expect(sum).toBe(SUM);
  return peakMb - idleMb;
}

function upload(headers: Record<string, string | number>): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ port, method: 'POST', path: '/up', headers, agent: false }, async (res) => {
      let text = '';
      for await (const chunk of res) text += chunk;
      resolve(text);
    });
    pipeline(Readable.from(pieces()), req).catch(reject);
  });
}

function download(path: string, pauseMs = 0): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ port, path, agent: false }, async (res) => {
      await untilMs(pauseMs);
      const hash = createHash('sha256');
      for await (const chunk of res) hash.update(chunk as Buffer);
      resolve(hash.digest('hex'));
    });
    req.on('error', reject).end();
  });
}

// Only Linux tells of another process's memory in a file.
const describeLinux = process.platform === 'linux' ? describe : describe.skip;

describeLinux(`${SIZE_MB} MB arrive unchanged, and the gateway does not grow`, () => {
  test.each([
    ['up, with a length', () => upload({ 'content-length': SIZE_MB * MB })],
    ['up, in chunks', () => upload({ 'transfer-encoding': 'chunked' })],
    ['down, with a length', () => download('/down-with-length')],
    ['down, in chunks', () => download('/down')],
    ['down, to a reader who takes nothing for a second', () => download('/down', 1_000)],
  ])(
    '%s',
    async (_way, carry) => {
      expect(await measureGrowth(carry)).toBeLessThan(MOST_GROWTH_MB);
    },
    PATIENCE_MS,
  );
});

describe('a reader that stops holds back the sender', () => {
  // What kernels and the gateway hold between them; the rest waits where it came from.
  const MOST_ON_THE_WAY = 40 * MB;

  test('up: legacy reads nothing', async () => {
    const req = request({
      port,
      method: 'POST',
      path: '/stuck',
      headers: { 'content-length': 64 * MB },
      agent: false,
    });
    req.on('error', () => undefined);
    for (let i = 0; i < 64; i += 1) req.write(PIECE);
    await untilMs(1_000);
    expect(req.writableLength).toBeGreaterThan(64 * MB - MOST_ON_THE_WAY);
    req.destroy();
  });

  test('down: the client reads nothing', async () => {
    // The gateway asks from time to time whether legacy is there: that question is another one.
    const answering = new Promise<ServerResponse>((resolve) =>
      legacy.on('request', (req, res) => {
        if (req.url === '/down') resolve(res);
      }),
    );
    const req = request({ port, path: '/down', agent: false }, (res) => void res.pause());
    req.on('error', () => undefined).end();
    const res = await answering;
    await untilMs(1_000);
    expect(res.socket?.bytesWritten).toBeLessThan(MOST_ON_THE_WAY);
    req.destroy();
  });
});
