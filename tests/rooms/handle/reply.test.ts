import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Reply } from '../../../src/handle/wire/reply.ts';

const PIECE = Buffer.alloc(64 * 1024);
const PIECES = 600;

async function serve(handler: (res: ServerResponse) => Promise<void>) {
  const server = createServer((_req, res) => void handler(res));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  return {
    socket,
    close: async () => {
      socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('a slow reader makes the writer wait, so that nothing piles up', async () => {
  let written = 0;
  const { socket, close } = await serve(async (res) => {
    const reply = new Reply(res, new AbortController().signal);
    reply.begin(200, []);
    for (; written < PIECES; written++) await reply.write(PIECE);
    await reply.finish();
  });
  socket.pause();
  await wait(400);
  const whilePaused = written;
  let received = 0;
  socket.on('data', (data) => {
    received += data.length;
  });
  socket.resume();
  await once(socket, 'end');
  await close();
  expect(whilePaused).toBeLessThan(PIECES / 2);
  expect(received).toBeGreaterThan(PIECES * PIECE.length);
});

test('once nobody waits for it, an answer can no longer be written', async () => {
  const ending = new AbortController();
  const { socket, close } = await serve(async (res) => {
    const reply = new Reply(res, ending.signal);
    ending.abort(new Error('over'));
    expect(() => reply.begin(200, [])).toThrow('over');
    expect(reply.hasBegun).toBe(false);
    res.writeHead(504).end();
  });
  const [head] = await once(socket, 'data');
  await close();
  expect(String(head)).toMatch(/^HTTP\/1\.1 504 /);
});

test('a header that cannot be sent leaves none of its answer behind', async () => {
  const { socket, close } = await serve(async (res) => {
    res.setHeader('X-Request-Id', 'kept');
    const reply = new Reply(res, new AbortController().signal);
    expect(() => reply.begin(200, [['Content-Type', 'a\nb']])).toThrow();
    res.writeHead(500).end();
  });
  const [head] = await once(socket, 'data');
  await close();
  expect(String(head)).toContain('X-Request-Id: kept');
  expect(String(head)).not.toMatch(/X-Frame-Options|Vary|Allow/);
});
