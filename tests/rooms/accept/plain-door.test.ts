import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  type Intake,
  type Listener,
  openListener,
  type Reception,
  Visit,
} from '../../../src/accept/index.ts';
import { type BanyanEvent, fail } from '../../../src/vocabulary/index.ts';

// Who reads a request must make no difference to its client; which of the two has read it is told here by `seen`.

type PlainReception = NonNullable<Reception['plain']>;
type PlainAnswer = Parameters<PlainReception>[1];
type Limits = NonNullable<Parameters<typeof openListener>[0]['limits']>;
type Plan = Readonly<{
  plain?: (req: Parameters<PlainReception>[0], res: PlainAnswer) => unknown;
  request?: (req: IncomingMessage, res: ServerResponse) => unknown;
  upgrade?: (req: IncomingMessage, socket: Socket, head: Buffer) => unknown;
  limits?: Limits;
  from?: Intake;
}>;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function open({ plain, request, upgrade, limits = {}, from }: Plan = {}) {
  const seen: string[] = [];
  const events: BanyanEvent[] = [];
  const listener: Listener = await openListener(
    {
      from: from ?? { host: '127.0.0.1', port: 0, setting: 'PORT' },
      maxConnections: 100,
      limits,
      emit: (event) => events.push(event),
      wantsUpgrade: () => upgrade !== undefined,
    },
    {
      plain: async (req, res) => {
        seen.push(`plain ${req.method} ${req.url}`);
        await (plain ?? ((_req, answer) => say(answer, `plain ${req.url}`)))(req, res);
      },
      request: async (req, res) => {
        seen.push(`node ${req.method} ${req.url}`);
        await (request ?? ((_req, answer) => answer.end(`node ${req.url}`)))(req, res);
      },
      ...(upgrade && { upgrade: async (req, socket, head) => void (await upgrade(req, socket, head)) }),
    },
  );
  closers.push(() => listener.drain(0));
  const port = from === undefined ? Number(new URL(listener.url).port) : 0;
  return { port, listener, seen, events, names: () => events.map(nameEvent) };
}

const nameEvent = (event: BanyanEvent) =>
  event.type === 'connection_cut'
    ? event.reason
    : event.type === 'request_finished'
      ? (event.failure ?? event.outcome)
      : event.type;

function say(res: PlainAnswer, text: string, lines: readonly string[] = []): void {
  res.writeHead(200, 'OK', ['Content-Length', String(text.length), ...lines]);
  res.end(text, 'latin1');
}

const get = (path: string, ...lines: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: y', ...lines, '', ''].join('\r\n');
const post = (path: string, body: string) =>
  `${get(path, `Content-Length: ${body.length}`)}${body}`.replace('GET', 'POST');

/** A client that says what it is told to, and keeps what it hears. */
function call(port: number) {
  const socket = connect(port, '127.0.0.1');
  closers.push(() => socket.destroy());
  const heard = { text: '', isEnded: false, isClosed: false };
  socket.on('data', (piece: Buffer) => {
    heard.text += piece.toString('latin1');
  });
  socket.on('end', () => {
    heard.isEnded = true;
  });
  socket.on('close', () => {
    heard.isClosed = true;
  });
  socket.on('error', () => undefined);
  return {
    socket,
    heard,
    say: (bytes: string | Buffer) => void socket.write(bytes),
    untilText: (text: string) => until(() => heard.text.includes(text), `"${text}" to come`),
    untilClosed: () => until(() => heard.isClosed, 'the connection to be closed'),
    bodies: () =>
      [...heard.text.matchAll(/\r\n\r\n(?:[0-9a-f]+\r\n)?((?:plain|node)[^\r]*?)(?=HTTP|\r|$)/g)].map(
        ([, body]) => body,
      ),
  };
}

const WITHIN_MS = 3_000;

async function until(isSo: () => boolean, what: string): Promise<void> {
  const beganMs = performance.now();
  while (!isSo()) {
    if (performance.now() - beganMs > WITHIN_MS) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a connection', () => {
  test('is asked and answered again and again without Node', async () => {
    const { port, seen } = await open();
    const client = call(port);

    for (const path of ['/1', '/2', '/3']) {
      client.say(get(path, 'Connection: keep-alive'));
      await client.untilText(`plain ${path}`);
    }

    expect(seen).toEqual(['plain GET /1', 'plain GET /2', 'plain GET /3']);
    expect(client.heard.text).toContain('Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n');
    expect(client.heard.isEnded).toBe(false);
  });

  test('is Node’s for good from the first request on that is not plain', async () => {
    const { port, seen } = await open({
      request: (req, res) => {
        let body = '';
        req.on('data', (piece) => {
          body += piece;
        });
        if (req.method === 'GET') res.end(`node ${req.url}`);
        else req.on('end', () => res.end(`node ${req.url} ${body}`));
      },
    });
    const client = call(port);

    client.say(get('/1'));
    await client.untilText('plain /1');
    client.say(post('/2', 'a body'));
    await client.untilText('node /2 a body');
    client.say(get('/3'));
    await client.untilText('node /3');

    expect(seen).toEqual(['plain GET /1', 'node POST /2', 'node GET /3']);
  });

  test('that carries two requests in one packet answers both, in their order', async () => {
    const { port, seen } = await open();
    const client = call(port);

    client.say(get('/1') + get('/2'));
    await client.untilText('node /2');

    expect(seen).toEqual(['node GET /1', 'node GET /2']);
    expect(client.bodies()).toEqual(['node /1', 'node /2']);
  });

  test.each([1, 5, 16, 20, get('/2').length - 1])(
    'may bring a head in two packets, cut behind byte %i',
    async (at) => {
      let socket: Socket | undefined;
      const { port, seen } = await open({
        plain: (req, res) => {
          socket = req.socket;
          say(res, `plain ${req.url}`);
        },
      });
      const client = call(port);
      client.say(get('/1'));
      await client.untilText('plain /1');

      client.say(get('/2').slice(0, at));
      await until(() => socket?.bytesRead === get('/1').length + at, 'the first half');
      client.say(get('/2').slice(at));
      await client.untilText('node /2');

      expect(seen).toEqual(['plain GET /1', 'node GET /2']);
    },
  );

  test('that asks again before it is answered gets both answers, in their order', async () => {
    const { port, seen } = await open({
      plain: async (req, res) => {
        await pause(30);
        say(res, `plain ${req.url}`);
      },
    });
    const client = call(port);

    client.say(get('/1'));
    await until(() => seen.length === 1, 'the first request');
    client.say(get('/2'));
    client.say(post('/3', 'x'));
    await client.untilText('node /3');

    expect(client.bodies()).toEqual(['plain /1', 'node /2', 'node /3']);
  });

  test('that asks again behind an answer which says "close" is not heard', async () => {
    const { port, seen } = await open({
      plain: async (req, res) => {
        await pause(30);
        res.shouldKeepAlive = false;
        say(res, `plain ${req.url}`);
      },
    });
    const client = call(port);

    client.say(get('/1'));
    await until(() => seen.length === 1, 'the first request');
    client.say(get('/2'));
    await client.untilClosed();

    expect(seen).toEqual(['plain GET /1']);
    expect(client.bodies()).toEqual(['plain /1']);
    expect(client.heard.text).toContain('Connection: close\r\n');
  });

  test.each(['first', 'second'])(
    'may be upgraded with its %s request, and what follows is the tunnel’s',
    async (which) => {
      const { port, seen } = await open({
        upgrade: (_req, socket, head) => {
          socket.write(`HTTP/1.1 101 Switching Protocols\r\n\r\nhead ${head}`);
          socket.on('data', (piece) => socket.write(`, then ${piece}`));
        },
      });
      const client = call(port);
      if (which === 'second') {
        client.say(get('/1'));
        await client.untilText('plain /1');
      }

      client.say(`${get('/ws', 'Connection: upgrade', 'Upgrade: websocket')}one`);
      await client.untilText('head one');
      client.say('two');

      await client.untilText('head one, then two');
      expect(seen).toEqual(which === 'second' ? ['plain GET /1'] : []);
    },
  );

  test.each([
    ['behind an answer', true],
    ['while the answer is awaited', false],
  ])('that brings rubbish %s gets 400 behind it, and is closed', async (_when, hasWaited) => {
    const { port, seen, names } = await open({
      plain: async (req, res) => {
        if (!hasWaited) await pause(30);
        say(res, `plain ${req.url}`);
      },
    });
    const client = call(port);

    client.say(get('/1'));
    if (hasWaited) await client.untilText('plain /1');
    else await until(() => seen.length === 1, 'the request');
    client.say('RUBBISH\r\n\r\n');
    await client.untilClosed();

    expect(client.heard.text).toMatch(/^HTTP\/1\.1 200 [\s\S]*plain \/1HTTP\/1\.1 400 [\s\S]*problem\+json/);
    expect(names()).toContain('request_malformed');
  });
});

describe('what follows a head is read in its order, and no faster than it is taken', () => {
  // Each place says which it is, so that no two that change places look alike.
  const BODY = Array.from({ length: 250_000 }, (_, i) => `${i}`.padStart(7, '0')).join(' ');
  const HASTE = 2 * 1024 * 1024;

  async function openSlowReader(plain?: Plan['plain']) {
    const taken = { text: '', most: 0 };
    const opened = await open({
      ...(plain && { plain }),
      request: async (req, res) => {
        // As every side is slower than the kernel.
        await pause(30);
        taken.most = req.readableLength;
        for await (const piece of req) taken.text += piece;
        res.end('node whole');
      },
    });
    return { ...opened, taken };
  }

  test.each([
    ['as the first of its connection', ''],
    ['behind an answer', get('/1')],
  ])('of a large upload %s', async (_when, first) => {
    const { port, taken } = await openSlowReader();
    const client = call(port);
    if (first !== '') {
      client.say(first);
      await client.untilText('plain /1');
    }

    client.say(post('/upload', BODY));
    await client.untilText('node whole');

    expect(taken.text === BODY).toBe(true);
    expect(taken.most).toBeLessThan(HASTE / 4);
  });

  test.each<[string, NonNullable<Plan['plain']>]>([
    [
      'is answered',
      async (req, res) => {
        await pause(30);
        say(res, `plain ${req.url}`);
      },
    ],
    [
      'becomes Node’s',
      async (req, res) => {
        await pause(30);
        const exchange = await res.becomeNodes();
        await pause(30);
        exchange?.res.end(`node ${req.url}`);
      },
    ],
  ])('of a large upload that waits behind a request until that %s', async (_what, plain) => {
    const { port, seen, taken } = await openSlowReader(plain);
    const client = call(port);

    client.say(get('/1'));
    await until(() => seen.length === 1, 'the first request');
    const upload = post('/upload', BODY);
    const headEnd = upload.indexOf('\r\n\r\n') + 4;
    client.say(upload.slice(0, headEnd));
    await pause(5);
    client.say(upload.slice(headEnd));
    await client.untilText('node whole');

    expect(client.heard.text.match(/(plain|node) (\/1|whole)/g)).toHaveLength(2);
    expect(taken.text === BODY).toBe(true);
    expect(taken.most).toBeLessThan(HASTE / 4);
  });

  test('of all that waits behind a request, no more than a little is kept', async () => {
    let socket: Socket | undefined;
    const { port } = await open({
      plain: (req) => {
        socket = req.socket;
      },
    });
    const client = call(port);

    client.say(get('/1'));
    await until(() => socket !== undefined, 'the request');
    client.say(Buffer.alloc(8 * 1024 * 1024, 'x'));
    await pause(100);

    expect(socket?.bytesRead).toBeLessThan(HASTE / 4);
  });
});

describe('a client that leaves is noticed', () => {
  test.each<[string, (socket: Socket) => unknown]>([
    ['with a goodbye', (socket) => socket.end()],
    ['without one', (socket) => socket.resetAndDestroy()],
  ])('%s, while its answer is awaited', async (_how, leave) => {
    let answer: PlainAnswer | undefined;
    const told: string[] = [];
    const { port } = await open({
      plain: (_req, res) => {
        answer = res;
        res.once('close', () => told.push('close'));
      },
    });
    const client = call(port);
    client.say(get('/'));
    await until(() => answer !== undefined, 'the request');

    leave(client.socket);
    await until(() => told.length > 0, 'the answer to be closed');

    expect(answer).toMatchObject({
      destroyed: true,
      writableFinished: false,
      headersSent: false,
      socket: null,
    });
    // Whoever does not listen hurts nobody.
    answer?.writeHead(200, 'OK', []);
    answer?.write(Buffer.from('x'));
    answer?.end();
    await pause(10);
    expect(told).toEqual(['close']);
  });

  test('in the middle of its answer, once', async () => {
    const told: boolean[] = [];
    const { port } = await open({
      plain: (_req, res) => {
        res.once('close', () => told.push(res.writableFinished));
        res.writeHead(200, 'OK', []);
        const go = () => {
          while (!res.destroyed && res.write(Buffer.alloc(100_000)));
          if (!res.destroyed) res.once('drain', go);
        };
        go();
      },
    });
    const client = call(port);
    client.say(get('/'));
    await client.untilText('HTTP/1.1 200');

    client.socket.destroy();
    await until(() => told.length > 0, 'the answer to be closed');

    expect(told).toEqual([false]);
  });

  test('at any moment, and costs nobody else anything', async () => {
    let count = 0;
    const { port } = await open({
      plain: async (_req, res) => {
        count += 1;
        if (count % 3 === 0) await pause(count % 7);
        if (count % 4 === 0) return void (await res.becomeNodes())?.res.end('node');
        say(res, 'plain');
      },
    });

    for (let i = 0; i < 60; i += 1) {
      const client = call(port);
      client.say(get('/'));
      if (i % 2 === 0) client.say(get('/'));
      if (i % 5 > 0) await pause(i % 5);
      if (i % 3 === 0) client.socket.end();
      else client.socket.resetAndDestroy();
    }

    const last = call(port);
    last.say(get('/last'));
    await last.untilText('200 OK');
  });
});

describe('a request that becomes Node’s', () => {
  test('is the same request, answered in Node’s way, and so is all that follows', async () => {
    const raw = ['Host', 'y', 'X-Odd', 'a', 'x-odd', 'b'];
    let same: unknown[] = [];
    const { port, seen } = await open({
      plain: async (req, res) => {
        const exchange = await res.becomeNodes();
        if (exchange === undefined) return;
        const { method, url, rawHeaders } = exchange.req;
        same = [method === req.method, url === req.url, rawHeaders, exchange.req.complete, res.destroyed];
        exchange.res.setHeader('X-Side', 'new').end('node');
      },
    });
    const client = call(port);

    client.say(get('/1?a=b', 'X-Odd: a', 'x-odd: b'));
    await client.untilText('X-Side: new');
    client.say(get('/2'));
    await client.untilText('node /2');

    expect(same).toEqual([true, true, raw, true, true]);
    expect(seen).toEqual(['plain GET /1?a=b', 'node GET /2']);
  });

  test('is answered before what waits behind it', async () => {
    const { port, seen } = await open({
      plain: async (_req, res) => {
        await pause(20);
        const exchange = await res.becomeNodes();
        await pause(20);
        exchange?.res.end('node /1');
      },
    });
    const client = call(port);

    client.say(get('/1'));
    await until(() => seen.length === 1, 'the first request');
    client.say(get('/2') + post('/3', 'x'));
    await client.untilText('node /3');

    expect(client.bodies()).toEqual(['node /1', 'node /2', 'node /3']);
  });

  test.each<[string, (socket: Socket) => unknown]>([
    ['with a goodbye', (socket) => socket.end()],
    ['without one', (socket) => socket.resetAndDestroy()],
  ])('becomes nothing where its client has left %s', async (_how, leave) => {
    const became: unknown[] = [];
    const { port, seen, names } = await open({
      plain: async (req, res) => {
        // At the first sign of it, and after the last.
        await new Promise<void>((resolve) => {
          req.socket.once('end', resolve).once('close', () => resolve());
        });
        became.push(await res.becomeNodes());
        await until(() => res.destroyed, 'the answer to be closed');
        became.push(await res.becomeNodes());
      },
    });
    const client = call(port);
    client.say(get('/'));
    await until(() => seen.length === 1, 'the request');

    leave(client.socket);
    await until(() => became.length === 2, 'both to be told');

    expect(became).toEqual([undefined, undefined]);
    expect(names()).toEqual([]);
  });

  test('tells of a client that leaves afterwards as Node does', async () => {
    const told: string[] = [];
    const { port } = await open({
      plain: async (_req, res) => {
        const exchange = await res.becomeNodes();
        exchange?.res.once('close', () => told.push('close'));
        told.push('became');
      },
    });
    const client = call(port);
    client.say(get('/'));
    await until(() => told.length === 1, 'the exchange');

    client.socket.destroy();
    await until(() => told.length === 2, 'the answer to be closed');

    expect(told).toEqual(['became', 'close']);
  });
});

describe('a connection on which nothing moves', () => {
  test('is closed without a word when it was idle for its time, and a little more, behind an answer', async () => {
    const { port, names } = await open({ limits: { keepAliveMs: 200 } });
    const client = call(port);
    client.say(get('/1'));
    await client.untilText('plain /1');
    const { length } = client.heard.text;
    const beganMs = performance.now();

    await client.untilClosed();

    expect(performance.now() - beganMs).toBeGreaterThan(200);
    expect(performance.now() - beganMs).toBeLessThan(2_500);
    expect(client.heard.text).toHaveLength(length);
    expect(names()).toEqual([]);
  });

  test('is told 408, and closed, where no request ever comes', async () => {
    const { port, seen, names } = await open({ limits: { headersTimeoutMs: 200 } });
    const beganMs = performance.now();
    const client = call(port);

    await client.untilClosed();

    expect(performance.now() - beganMs).toBeGreaterThan(195);
    expect(client.heard.text).toMatch(/^HTTP\/1\.1 408 [\s\S]*problem\+json/);
    expect(seen).toEqual([]);
    expect(names()).toEqual(['request_received', 'request_too_slow']);
  });

  test('is told 408, and closed, where half a head comes behind an answer', async () => {
    const { port } = await open({ limits: { headersTimeoutMs: 200 } });
    const client = call(port);
    client.say(get('/1'));
    await client.untilText('plain /1');

    client.say('GET /2 HT');
    await client.untilClosed();

    expect(client.heard.text).toMatch(/plain \/1HTTP\/1\.1 408 /);
  });

  test('is left alone for as long as its side thinks', async () => {
    const limits = { headersTimeoutMs: 400, keepAliveMs: 50, stalledMs: 50 };
    const { port } = await open({
      plain: async (_req, res) => {
        await pause(1_300);
        say(res, 'plain, a thought');
      },
      limits,
    });
    const client = call(port);

    client.say(get('/'));

    await client.untilText('a thought');
  });

  test('is cut where its reader takes nothing of the answer', async () => {
    const told: boolean[] = [];
    const { port, names } = await open({
      plain: (_req, res) => {
        res.once('close', () => told.push(res.writableFinished));
        res.writeHead(200, 'OK', []);
        res.write(Buffer.alloc(32 * 1024 * 1024));
        res.end();
      },
      limits: { stalledMs: 200 },
    });
    const client = call(port);
    client.socket.pause();

    client.say(get('/'));
    await until(() => told.length > 0, 'the answer to be closed');

    expect(told).toEqual([false]);
    expect(names()).toEqual(['stalled']);
  });

  test('is cut where its reader does not even take the head, of which no body has come yet', async () => {
    const told: string[] = [];
    const { port, names } = await open({
      plain: (req, res) => {
        res.once('close', () => told.push('close'));
        // As if the kernel had no room left.
        req.socket.cork();
        res.writeHead(200, 'OK', ['Content-Type', 'text/event-stream']);
        res.flushHeaders();
      },
      limits: { stalledMs: 200 },
    });
    const client = call(port);

    client.say(get('/'));
    await until(() => told.length > 0, 'the answer to be closed');

    expect(names()).toEqual(['stalled']);
  });
});

describe('draining', () => {
  test('answers what is under way with a goodbye, and closes its connection', async () => {
    let finish: () => void = () => undefined;
    const { port, listener, seen } = await open({
      plain: async (req, res) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        say(res, `plain ${req.url}`);
      },
    });
    const client = call(port);
    client.say(get('/1'));
    await until(() => seen.length === 1, 'the request');

    const drained = listener.drain(5_000);
    finish();

    expect(await drained).toBe(0);
    await client.untilClosed();
    expect(client.heard.text).toMatch(/^HTTP\/1\.1 200 [\s\S]*Connection: close\r\n[\s\S]*plain \/1$/);
  });

  test('takes one more request of a connection that is kept alive, and lets an idle one go', async () => {
    const { port, listener, seen } = await open();
    const [busy, idle] = [call(port), call(port)];
    for (const client of [busy, idle]) {
      client.say(get('/1'));
      await client.untilText('plain /1');
    }

    const drained = listener.drain(5_000);
    busy.say(get('/2'));

    expect(await drained).toBe(0);
    await Promise.all([busy.untilClosed(), idle.untilClosed()]);
    expect(busy.heard.text).toMatch(/Connection: close\r\n\r\nplain \/2$/);
    expect(idle.heard.text).toMatch(/plain \/1$/);
    expect(seen).toHaveLength(3);
  });

  test('says goodbye in Node’s way, too, where the request has become Node’s', async () => {
    let finish: () => void = () => undefined;
    const { port, listener, seen } = await open({
      plain: async (_req, res) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        (await res.becomeNodes())?.res.end('node');
      },
    });
    const client = call(port);
    client.say(get('/1'));
    await until(() => seen.length === 1, 'the request');

    const drained = listener.drain(5_000);
    finish();

    expect(await drained).toBe(0);
    await client.untilClosed();
    expect(client.heard.text).toMatch(/^HTTP\/1\.1 200 [\s\S]*Connection: close\r\n/);
  });

  test('cuts and counts what takes longer', async () => {
    const { port, listener, seen } = await open({ plain: () => undefined });
    const client = call(port);
    client.say(get('/'));
    await until(() => seen.length === 1, 'the request');

    expect(await listener.drain(50)).toBe(1);

    await client.untilClosed();
  });
});

describe('a visit on the plain way', () => {
  const visit = (res: PlainAnswer) => new Visit(() => undefined, { kind: 'plain', req: res.req, res });

  test('is refused in our own words, and its connection stays', async () => {
    const { port } = await open({
      plain: (_req, res) => visit(res).end({ kind: 'failed', failure: fail('legacy_unreachable') }),
    });
    const client = call(port);

    client.say(get('/1', 'Accept: text/html'));
    await client.untilText('<!doctype html>');
    client.say(get('/2', 'Accept: */*'));

    await client.untilText('problem+json');
    expect(client.heard.text.match(/HTTP\/1\.1 503 /g)).toHaveLength(2);
  });

  test('that is cut short before its answer is refused, and its connection closed', async () => {
    const { port } = await open({ plain: (_req, res) => visit(res).cutShort(fail('legacy_unreachable')) });
    const client = call(port);

    client.say(get('/1'));
    await client.untilClosed();

    expect(client.heard.text).toMatch(/^HTTP\/1\.1 503 [\s\S]*problem\+json/);
    expect(client.heard.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test('that is cut short in the middle of its answer never looks whole', async () => {
    const { port } = await open({
      plain: async (_req, res) => {
        res.writeHead(200, 'OK', []);
        res.write(Buffer.from('half'));
        await pause(20);
        visit(res).cutShort(fail('legacy_unreachable'));
      },
    });
    const client = call(port);

    client.say(get('/1'));
    await client.untilClosed();

    expect(client.heard.text).toMatch(/\r\n\r\n4\r\nhalf\r\n$/);
  });

  test('goes on in Node’s way, once', async () => {
    const kinds: unknown[] = [];
    const { port } = await open({
      plain: async (_req, res) => {
        const one = visit(res);
        const way = await one.takeNodesWay();
        kinds.push(way?.kind, one.way === way, (await one.takeNodesWay()) === way, one.isGone);
        one.end({ kind: 'failed', failure: fail('legacy_unreachable') });
      },
    });
    const client = call(port);

    client.say(get('/1'));
    await client.untilText('problem+json');

    expect(kinds).toEqual(['request', true, true, false]);
  });
});

test('connections that another has accepted are read from their first byte on', async () => {
  let take: (socket: Socket) => void = () => undefined;
  const { seen } = await open({
    from: (taker) => {
      take = taker;
    },
  });
  const other = createServer({ pauseOnConnect: true, allowHalfOpen: true }, async (socket) => {
    // The request is there before anybody reads it.
    await pause(20);
    take(socket);
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  closers.push(() => other.close());
  const address = other.address();
  const client = call(typeof address === 'object' && address !== null ? address.port : 0);

  client.say(get('/1'));
  await client.untilText('plain /1');
  client.say(post('/2', 'x'));
  await client.untilText('node /2');

  expect(seen).toEqual(['plain GET /1', 'node POST /2']);
});
