import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type Listener, openListener, Visit } from '../../../src/accept/index.ts';
import { fail } from '../../../src/vocabulary/index.ts';
import { sendRaw } from '../../support/raw-http.ts';

const listeners: Listener[] = [];
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.drain(0);
});

type Answer = (req: IncomingMessage, res: ServerResponse) => Promise<void> | void;

async function open(
  request: Answer,
  upgrade?: (req: IncomingMessage, socket: Socket) => Promise<void>,
  stalledMs = 30_000,
) {
  const listener = await openListener(
    {
      from: { host: '127.0.0.1', port: 0, setting: 'PORT' },
      maxConnections: 100,
      limits: { stalledMs },
      wantsUpgrade: () => upgrade !== undefined,
    },
    { request: async (req, res) => request(req, res), ...(upgrade && { upgrade }) },
  );
  listeners.push(listener);
  return { port: Number(new URL(listener.url).port), listener };
}

const GET = 'GET / HTTP/1.1\r\nHost: y\r\n\r\n';

describe('what is no HTTP is refused in our own words, and its connection closed', () => {
  test.each([
    ['garbage', 'SSH-2.0-x\r\n\r\n', 400],
    ['a bare LF in the head', 'GET / HTTP/1.1\nHost: y\n\n', 400],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : y\r\n\r\n', 400],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: y\r\nA: 1\r\n 2\r\n\r\n', 400],
    [
      'length and chunked at once',
      'POST / HTTP/1.1\r\nHost: y\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a head without end', `GET / HTTP/1.1\r\nHost: y\r\nA: ${'x'.repeat(70_000)}`, 431],
    ['CONNECT', 'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n', 405],
  ])('%s', async (_what, bytes, status) => {
    const { port } = await open((_req, res) => void res.end('reached'));
    const { text, isClosed } = await sendRaw(port, bytes);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(text).toContain('application/problem+json');
    expect(text).not.toContain('reached');
    expect(isClosed).toBe(true);
  });

  test('rubbish behind a request that is being answered is refused behind the answer, never inside', async () => {
    const { port } = await open(async (_req, res) => {
      res.write('half');
      await new Promise((resolve) => setTimeout(resolve, 100));
      res.end('whole');
    });
    const { text } = await sendRaw(port, `${GET}RUBBISH\r\n\r\n`);
    expect(text).toMatch(/4\r\nhalf\r\n5\r\nwhole\r\n0\r\n\r\nHTTP\/1\.1 400 [\s\S]*problem\+json/);
  });
});

describe('a visit', () => {
  const visit = (req: IncomingMessage, res: ServerResponse) =>
    new Visit(() => undefined, { kind: 'request', req, res });
  const ASKING = 'POST / HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';

  test('tells a client that asked first to go on only when its body is wanted', async () => {
    const { port } = await open(async (req, res) => {
      const seen = visit(req, res);
      seen.openBody(1_000);
      req.resume();
      res.end();
    });
    const { text } = await sendRaw(port, ASKING, '100 Continue\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\n/);
    const refusing = await open((req, res) =>
      visit(req, res).end({ kind: 'failed', failure: fail('credential_missing') }),
    );
    const refused = await sendRaw(refusing.port, ASKING, '\r\n\r\n{');
    expect(refused.text).toMatch(/^HTTP\/1.1 401 /);
    expect(refused.text).not.toContain('100 Continue');
  });

  test('refuses a body that is declared too large before a byte of it is read', async () => {
    const { port } = await open((req, res) => {
      const seen = visit(req, res);
      const failure = seen.openBody(10);
      seen.end(failure ? { kind: 'failed', failure } : { kind: 'answered', status: 200 });
    });
    const { text, isClosed } = await sendRaw(
      port,
      'POST / HTTP/1.1\r\nHost: y\r\nContent-Length: 11\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1.1 413 /);
    expect(isClosed).toBe(true);
  });

  test('answers a browser with a page and everybody else with problem+json', async () => {
    const { port } = await open((req, res) =>
      visit(req, res).end({ kind: 'failed', failure: fail('legacy_unreachable', { retryAfterS: 2 }) }),
    );
    const page = await sendRaw(
      port,
      'GET / HTTP/1.1\r\nHost: y\r\nAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\nConnection: close\r\n\r\n',
    );
    const json = await sendRaw(port, 'GET / HTTP/1.1\r\nHost: y\r\nAccept: */*\r\nConnection: close\r\n\r\n');
    expect(page.text).toMatch(/^HTTP\/1.1 503 [\s\S]*Retry-After: 2\r\n[\s\S]*<!doctype html>/);
    expect(json.text).toMatch(/"retry_safe":true/);
  });
});

describe('draining', () => {
  test('what is in flight is answered, on a connection that then closes; nobody new gets in', async () => {
    let finish: () => void = () => undefined;
    const { port, listener: draining } = await open(async (_req, res) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      res.end('done');
    });
    const inFlight = sendRaw(port, GET);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const drained = draining.drain(5_000);
    // What the kernel had accepted before is taken first.
    await new Promise(setImmediate);
    await expect(sendRaw(port, GET)).rejects.toThrow('ECONNREFUSED');
    finish();
    expect((await inFlight).text).toMatch(/^HTTP\/1.1 200 [\s\S]*done/);
    expect(await drained).toBe(0);
  });

  test('what takes longer than the grace is cut and counted; an idle connection and a tunnel hold nothing up', async () => {
    const { port, listener: draining } = await open(
      () => undefined,
      async (_req, socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
    );
    const idle = connect(port, '127.0.0.1');
    const tunnel = sendRaw(
      port,
      'GET / HTTP/1.1\r\nHost: y\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    const stuck = sendRaw(port, GET);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const beganMs = performance.now();
    expect(await draining.drain(200)).toBe(1);
    expect(performance.now() - beganMs).toBeLessThan(2_000);
    expect([(await stuck).isClosed, (await tunnel).isClosed]).toEqual([true, true]);
    idle.destroy();
  });
});

test('a port that is taken is told in one sentence with the setting that chooses another', async () => {
  const { port } = await open((_req, res) => void res.end());
  const second = openListener(
    { from: { host: '127.0.0.1', port, setting: 'ADMIN_PORT' }, maxConnections: 1 },
    { request: async () => undefined },
  );
  await expect(second).rejects.toThrow(
    `Port ${port} on 127.0.0.1 is taken. Stop what listens there, or choose another port with ADMIN_PORT.`,
  );
});

test('a reset right behind a CONNECT costs one connection, never the process', async () => {
  const { port } = await open((_req, res) => void res.end('alive'));
  for (let count = 0; count < 20; count += 1) {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n');
      socket.resetAndDestroy();
    });
    await new Promise((resolve) => socket.once('close', resolve));
  }
  expect((await sendRaw(port, GET, 'alive')).text).toContain('alive');
});

test('where there is no room for one more connection, idle ones make some, and busy ones do not', async () => {
  const events: string[] = [];
  const listener = await openListener(
    {
      from: { host: '127.0.0.1', port: 0, setting: 'PORT' },
      maxConnections: 4,
      emit: (event) => events.push(event.type === 'connection_cut' ? event.reason : event.type),
    },
    { request: async (req, res) => void (req.url === '/busy' || res.end('done')) },
  );
  listeners.push(listener);
  const port = Number(new URL(listener.url).port);
  const open = (path: string) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: y\r\n\r\n`));
    let text = '';
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        text += chunk;
      });
    return { socket, text: () => text };
  };
  const busy = open('/busy');
  const idle = [open('/'), open('/'), open('/')];
  await new Promise((resolve) => setTimeout(resolve, 100));
  const beganMs = performance.now();
  for (let last = open('/'); !last.text().includes('done'); last = open('/')) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (performance.now() - beganMs > 5_000) throw new Error('no room was made');
    if (last.text().includes('done')) break;
    last.socket.destroy();
  }
  expect(events).toContain('crowded');
  expect(idle.some(({ socket }) => socket.destroyed || socket.readableEnded)).toBe(true);
  expect(busy.socket.destroyed).toBe(false);
});

describe('a connection on which nothing moves', () => {
  const untilClosed = (socket: Socket) =>
    new Promise<void>((resolve) => socket.once('close', () => resolve()));

  test('is cut where its reader takes nothing of the answer', async () => {
    let wasCut: () => void = () => undefined;
    const cut = new Promise<void>((resolve) => {
      wasCut = resolve;
    });
    const { port } = await open(
      (_req, res) => {
        res.once('close', wasCut);
        res.end(Buffer.alloc(64 * 1024 * 1024));
      },
      undefined,
      300,
    );
    const reader = connect(port, '127.0.0.1', () => reader.write(GET)).pause();
    reader.on('error', () => undefined);
    await cut;
    reader.destroy();
  });

  test('is left alone while its side is still thinking, or its reader is merely slow', async () => {
    const { port } = await open(
      async (req, res) => {
        if (req.url === '/thinking') await new Promise((resolve) => setTimeout(resolve, 1_500));
        res.end(req.url === '/thinking' ? 'a thought' : Buffer.alloc(8 * 1024 * 1024, 'x'));
      },
      undefined,
      1_000,
    );
    const thinking = await sendRaw(port, 'GET /thinking HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n');
    expect(thinking.text).toContain('a thought');
    let received = 0;
    const slow = connect(port, '127.0.0.1', () =>
      slow.write('GET / HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n'),
    );
    slow.on('data', (chunk) => {
      received += chunk.length;
      slow.pause();
      setTimeout(() => slow.resume(), 12);
    });
    await untilClosed(slow);
    expect(received).toBeGreaterThan(8 * 1024 * 1024);
  });

  test('is closed where no request ever comes', async () => {
    const { port } = await open(() => undefined, undefined, 200);
    const silent = connect(port, '127.0.0.1').resume();
    await untilClosed(silent);
  });
});
