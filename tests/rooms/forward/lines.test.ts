import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { StaleLine } from '../../../src/forward/legacy-failure.ts';
import type { Line, Question } from '../../../src/forward/line.ts';
import { openLineOpener } from '../../../src/forward/line-opener.ts';
import { Lines } from '../../../src/forward/lines.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const untilMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let server: Server;
let lines: Lines;
const sockets: Socket[] = [];
const asked: string[] = [];
afterEach(async () => {
  lines.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  asked.splice(0);
  await new Promise((resolve) => server.close(resolve));
});

async function open(
  answer: (socket: Socket, head: string) => unknown,
  { most = 10, idleMs = 1_500, greet = (_: Socket) => undefined as unknown } = {},
): Promise<void> {
  server = createServer((socket) => {
    sockets.push(socket);
    greet(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      asked.push(bytes.toString('latin1'));
      answer(socket, bytes.toString('latin1'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  lines = new Lines({ open: openLineOpener(new URL(`http://127.0.0.1:${port}`), 1_000), most, idleMs });
}

/** One who asks, and remembers what it was told. */
class Asker implements Question {
  readonly method = 'GET';
  readonly head: string;
  readonly upload = undefined;
  readonly isLast: boolean;
  readonly servername = undefined;
  line: Line | undefined;
  body = '';
  error: unknown;
  gone = false;
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;

  constructor(path: string, { isLast = false } = {}) {
    this.head = `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`;
    this.isLast = isLast;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  asked(line: Line): boolean {
    this.line = line;
    return !this.gone;
  }
  sent(): void {}
  toldSoFar(): void {}
  began(): void {}
  piece(bytes: Buffer): void {
    this.body += bytes.toString('latin1');
  }
  whole(): void {
    this.#end();
  }
  failed(error: unknown): void {
    this.error = error;
    this.#end();
  }
}

async function ask(path: string, wish = {}): Promise<Asker> {
  const asker = new Asker(path, wish);
  lines.ask(asker);
  await asker.ended;
  return asker;
}

describe('a connection is used again', () => {
  test('after a whole answer, and only one exchange at a time', async () => {
    await open((socket) => socket.write(OK));
    expect((await ask('/1')).body).toBe('ok');
    expect((await ask('/2')).body).toBe('ok');
    await Promise.all([ask('/3'), ask('/4')]);
    expect(sockets).toHaveLength(2);
  });

  test.each([
    ['bytes came behind the answer', `${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`],
    ['it said close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['it was of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ])('not where %s', async (_why, bytes) => {
    await open((socket) => socket.write(bytes));
    expect((await ask('/1')).body).toBe('ok');
    expect((await ask('/2')).body).toBe('ok');
    expect(sockets).toHaveLength(2);
  });

  test('not behind a question that is the last', async () => {
    await open((socket) => socket.write(OK));
    await ask('/1', { isLast: true });
    await ask('/2');
    expect(sockets).toHaveLength(2);
  });

  test('not where bytes came that nobody asked for, soon after or later', async () => {
    await open((socket) => {
      socket.write(OK);
      if (asked.length === 1)
        setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'), 20);
    });
    await ask('/1');
    await untilMs(60);
    expect((await ask('/2')).body).toBe('ok');
    expect(sockets).toHaveLength(2);
  });

  test('not where they wait unread at the moment at which the next one asks', async () => {
    await open((socket) => socket.write(OK));
    await ask('/1');
    // A timer runs before the loop reads what has come.
    const second = await new Promise<Asker>((resolve) =>
      setTimeout(() => {
        sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
        resolve(ask('/2'));
      }, 5),
    );
    expect(second.body).toBe('ok');
    expect(sockets).toHaveLength(2);
  });

  test('not when it has been idle for too long', async () => {
    await open((socket) => socket.write(OK), { idleMs: 100 });
    await ask('/1');
    await untilMs(300);
    expect(sockets[0]?.readableEnded).toBe(true);
    await ask('/2');
    expect(sockets).toHaveLength(2);
  });

  test('not when legacy has closed it meanwhile', async () => {
    await open((socket) => socket.write(OK));
    await ask('/1');
    sockets[0]?.end();
    await untilMs(20);
    expect((await ask('/2')).body).toBe('ok');
    expect(sockets).toHaveLength(2);
  });
});

test('what legacy says before it was asked is no answer', async () => {
  await open((socket) => socket.write(OK), {
    greet: (socket) =>
      sockets.length === 1 && socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'),
  });
  // It says so while the one that asks is still connecting.
  const asker = new Asker('/1');
  lines.ask(asker);
  await asker.ended;
  expect(['ok', 'poison']).toContain(asker.body);
  expect((await ask('/2')).body).toBe('ok');
});

describe('an answer that never came is stale', () => {
  test('where the connection had carried one before', async () => {
    await open((socket) => (asked.length === 1 ? socket.write(OK) : socket.resetAndDestroy()));
    await ask('/1');
    expect((await ask('/2')).error).toBeInstanceOf(StaleLine);
  });

  test('not where the connection was new', async () => {
    await open((socket) => socket.resetAndDestroy());
    const { error } = await ask('/1');
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(StaleLine);
  });

  test('not where a byte of it has come', async () => {
    await open((socket) => (asked.length === 1 ? socket.write(OK) : socket.end('H')));
    await ask('/1');
    const { error } = await ask('/2');
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(StaleLine);
  });
});

describe('where there are as many connections as there may be', () => {
  test('those who wait are asked in their order', async () => {
    await open((socket) => setTimeout(() => socket.write(OK), 5), { most: 1 });
    await Promise.all(['/1', '/2', '/3', '/4'].map((path) => ask(path)));
    expect(asked.map((head) => head.slice(4, 6))).toEqual(['/1', '/2', '/3', '/4']);
    expect(sockets).toHaveLength(1);
  });

  test('a question that was given up is never asked', async () => {
    await open((socket) => setTimeout(() => socket.write(OK), 20), { most: 1 });
    const first = ask('/1');
    const second = new Asker('/2');
    lines.ask(second);
    lines.forget(second);
    await Promise.all([first, ask('/3')]);
    expect(asked.map((head) => head.slice(4, 6))).toEqual(['/1', '/3']);
  });

  test('one that was given up while its connection came leaves it to the next', async () => {
    await open((socket) => socket.write(OK), { most: 1 });
    const first = new Asker('/1');
    lines.ask(first);
    lines.forget(first);
    expect((await ask('/2')).body).toBe('ok');
    expect(asked).toHaveLength(1);
  });

  test('a connection that ends makes room for a new one', async () => {
    await open((socket, head) => (head.startsWith('GET /1 ') ? socket.destroy() : socket.write(OK)), {
      most: 1,
    });
    const [first, second] = await Promise.all([ask('/1'), ask('/2')]);
    expect(first?.error).toBeInstanceOf(Error);
    expect(second?.error).toBeUndefined();
    expect(second?.body).toBe('ok');
    expect(sockets).toHaveLength(2);
  });
});

test('one that gives up takes its connection away at once', async () => {
  await open(() => undefined);
  const asker = new Asker('/1');
  lines.ask(asker);
  while (asked.length === 0) await untilMs(2);
  const gone = new Promise((resolve) => sockets[0]?.once('close', resolve));
  const beganMs = performance.now();
  asker.line?.giveUp();
  await gone;
  expect(performance.now() - beganMs).toBeLessThan(100);
  expect(asker.error).toBeUndefined();
});

test('nobody listens: each one is told, and so is whoever waits behind it', async () => {
  await open(() => undefined);
  const { port } = server.address() as { port: number };
  lines.close();
  await new Promise((resolve) => server.close(resolve));
  lines = new Lines({ open: openLineOpener(new URL(`http://127.0.0.1:${port}`), 1_000), most: 1, idleMs: 0 });
  const all = await Promise.all([ask('/1'), ask('/2'), ask('/3')]);
  expect(all.map(({ error }) => (error as NodeJS.ErrnoException).code)).toEqual(
    Array(3).fill('ECONNREFUSED'),
  );
});

test('a legacy that closes whatever it accepts is asked once', async () => {
  await open(() => undefined, { greet: (socket) => socket.destroy() });
  for (let i = 0; i < 10; i += 1) expect((await ask('/1')).error).toBeInstanceOf(Error);
  expect(sockets).toHaveLength(10);
});

test('closed: whoever is on the way or waits is told, and nobody is asked any more', async () => {
  await open(() => undefined, { most: 1 });
  const all = [ask('/1'), ask('/2')];
  while (asked.length === 0) await untilMs(2);
  lines.close();
  const late = await ask('/3');
  for (const { error } of [...(await Promise.all(all)), late]) expect(error).toBeInstanceOf(Error);
  expect(asked).toHaveLength(1);
});
