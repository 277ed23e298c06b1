// Rows 67 to 71 and 73: what legacy may say, and what the client then sees of it.
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, askOnce, openClient, openStand, type Stand, untilMs } from '../fidelity/stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand({ timeoutMs: 2_000 });
});
afterAll(() => stand.close());

const say = (path: string, bytes: string | Buffer) =>
  stand.monolith.on(path, ({ socket }) => socket.write(bytes));
const count = (path: string) => stand.monolith.asked.filter(({ target }) => target === path).length;

describe('an answer that breaks the rules of HTTP is 502, and legacy is not asked again', () => {
  const OK = 'HTTP/1.1 200 OK\r\n';
  test.each([
    ['two-lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ['the-same-length-twice', `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`],
    ['a-list-of-lengths', `${OK}Content-Length: 2, 2\r\n\r\nab`],
    ['a-bad-length', `${OK}Content-Length: x\r\n\r\nab`],
    ['a-signed-length', `${OK}Content-Length: +2\r\n\r\nab`],
    ['a-negative-length', `${OK}Content-Length: -2\r\n\r\nab`],
    ['a-huge-length', `${OK}Content-Length: 99999999999999999999999\r\n\r\nab`],
    ['both-lengths', `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`],
    ['garbage', 'SSH-2.0-OpenSSH_9\r\n\r\n'],
    ['http-2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['status-999', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['status-600', 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['status-of-two-digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
    ['lines-ended-by-lf', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nab'],
    ['a-nul', `${OK}X-A: a\0b\r\nContent-Length: 2\r\n\r\nab`],
    ['a-cr', `${OK}X-A: a\rb\r\nContent-Length: 2\r\n\r\nab`],
    ['a-space-before-the-colon', `${OK}X-A : b\r\nContent-Length: 2\r\n\r\nab`],
    ['no-colon', `${OK}X-A\r\nContent-Length: 2\r\n\r\nab`],
    ['a-name-with-a-space', `${OK}X A: b\r\nContent-Length: 2\r\n\r\nab`],
    ['a-head-of-256-kib', `${OK}X-A: ${'x'.repeat(256 * 1024)}\r\nContent-Length: 2\r\n\r\nab`],
    ['two-codings', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`],
    ['an-odd-coding', `${OK}Transfer-Encoding: xchunked\r\n\r\nab`],
    [
      'chunked-twice',
      `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
    ],
  ])('row-067-odd-%s', async (name, bytes) => {
    say(`/odd-${name}`, bytes);
    const text = await askOnce(stand.port, `GET /odd-${name}`);
    expect(text).toMatch(/^HTTP\/1.1 502 /);
    expect(text).toContain('"code":"legacy_broken_answer"');
    expect(count(`/odd-${name}`)).toBe(1);
  });

  test.each([
    ['a-bad-chunk-size', 'zz\r\nab\r\n0\r\n\r\n'],
    ['a-chunk-that-is-longer-than-it-says', '1\r\nab\r\n0\r\n\r\n'],
    ['no-last-chunk', '2\r\nab\r\nx'],
  ])('row-067-body-with-%s: what is found in the body breaks the answer off', async (name, chunks) => {
    say(`/chunks-${name}`, `${OK}Transfer-Encoding: chunked\r\n\r\n${chunks}`);
    const text = await askOnce(stand.port, `GET /chunks-${name}`);
    expect(text).toMatch(/^HTTP\/1.1 (200|502) /);
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
  });
});

describe('more than the answer', () => {
  test('row-068-extra-bytes: the client sees the declared body, and the next request on its connection works', async () => {
    say(
      '/extra',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison',
    );
    const client = openClient(stand.port, ask('GET /extra'));
    await client.until('\r\n\r\nok');
    client.send(ask('GET /next', 'Connection: close'));
    await client.ended;
    expect(client.text()).not.toContain('poison');
    expect(client.text().match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
    expect(count('/next')).toBe(1);
  });

  test.each([
    ['a-head', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody', 'HTTP/1.1 200 OK'],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\nbody', 'HTTP/1.1 204 No Content'],
    [
      '204-with-a-length',
      'GET',
      'HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody',
      'HTTP/1.1 204 No Content',
    ],
    [
      '204-chunked',
      'GET',
      'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
      'HTTP/1.1 204 No Content',
    ],
    ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\nbody', 'HTTP/1.1 304 Not Modified'],
  ])(
    'row-068-body-behind-%s: no byte of it arrives, and the next answer is the right one',
    async (name, method, bytes, line) => {
      say(`/bodyless-${name}`, bytes);
      const client = openClient(stand.port, ask(`${method} /bodyless-${name}`));
      await client.until('\r\n\r\n');
      client.send(ask(`GET /after-${name}`, 'Connection: close'));
      await client.ended;
      const [first = '', second = '', third = ''] = client.text().split('\r\n\r\n');
      expect(first.split('\r\n')[0]).toBe(line);
      expect(second).toMatch(/^HTTP\/1.1 200 OK\r\n/);
      expect(third).toBe('ok');
    },
  );

  test('row-069-trailer-with-a-length: the field goes, the answer comes, and the process lives', async () => {
    say('/trailer', 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok');
    const text = await askOnce(stand.port, 'GET /trailer');
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(text).toMatch(/\r\n\r\nok$/);
    expect(text.toLowerCase()).not.toContain('trailer');
    expect(await askOnce(stand.port, 'GET /alive')).toMatch(/ok$/);
  });
});

describe('interim answers', () => {
  test.each([
    ['101', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframes'],
    ['101-without-upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['100', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ])('row-070-unasked-%s: 502, and legacy is not asked again', async (name, bytes) => {
    say(`/interim-${name}`, bytes);
    const text = await askOnce(stand.port, `GET /interim-${name}`);
    expect(text).toMatch(/^HTTP\/1.1 502 /);
    expect(text).not.toMatch(/frames|upgrade/i);
    expect(count(`/interim-${name}`)).toBe(1);
  });

  test('row-070-early-hints: 102 and 103 end here, and the final answer comes', async () => {
    say(
      '/hints',
      'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
    const text = await askOnce(stand.port, 'GET /hints');
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(text).not.toContain('preload');
    expect(text.match(/HTTP\/1.1/g)).toHaveLength(1);
  });
});

describe('an early refusal of an upload', () => {
  const REFUSAL = 'HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig';

  test.each([
    ['length', ['Content-Length: 30000000'], Buffer.alloc(64 * 1024)],
    ['chunked', ['Transfer-Encoding: chunked'], Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`)],
  ] as const)(
    'row-071-early-%s: it arrives while the client is still sending, the rest is not read, and the connection ends',
    async (name, lines, piece) => {
      // As a server does that has made up its mind: it answers, and closes without reading the rest.
      stand.monolith.on(`/early-${name}`, ({ socket }) => {
        socket.pause();
        socket.end(REFUSAL, () => setTimeout(() => socket.destroy(), 50));
      });
      const client = openClient(stand.port, ask(`POST /early-${name}`, ...lines));
      const sending = setInterval(() => client.send(piece), 1);
      await client.until('big');
      clearInterval(sending);
      expect(client.text()).toMatch(/^HTTP\/1.1 413 Payload Too Large\r\n/);
      expect(client.text()).toMatch(/\r\nConnection: close\r\n/);
      const asked = await stand.monolith.heard(`/early-${name}`);
      expect(asked.body.length).toBeLessThan(10_000_000);
      expect(asked.isWhole()).toBe(false);
      await client.ended;
    },
  );

  test('row-071-no-more: what comes behind the head of the refusal does not go on to legacy', async () => {
    stand.monolith.on('/early-head', async ({ socket }) => {
      socket.write('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 7\r\n\r\nbig');
      await untilMs(300);
      socket.write('-end');
    });
    const client = openClient(stand.port, ask('POST /early-head', 'Content-Length: 30000000'));
    const sending = setInterval(() => client.send(Buffer.alloc(1_000)), 2);
    await client.until('big');
    await untilMs(50);
    const asked = await stand.monolith.heard('/early-head');
    const before = asked.body.length;
    await client.until('-end');
    clearInterval(sending);
    expect(asked.body.length).toBe(before);
    await client.ended;
  });

  test('row-071-behind-it: what the client has pipelined behind the upload is not carried out', async () => {
    stand.monolith.on('/early-last', ({ socket }) => socket.end(REFUSAL));
    const client = openClient(stand.port, `${ask('POST /early-last', 'Content-Length: 10')}half`);
    await client.until('big');
    client.send(`-whole${ask('POST /never', 'Content-Length: 0')}`);
    await client.ended;
    await untilMs(50);
    expect(count('/never')).toBe(0);
  });
});

describe('whatever else legacy says arrives unchanged', () => {
  const body = randomBytes(100_000);
  const sum = createHash('sha256').update(body).digest('hex');

  test.each([500, 501, 502, 503, 504, 599])(
    'row-073-status-%i: with its own body, headers and reason',
    async (status) => {
      say(
        `/status-${status}`,
        Buffer.concat([
          Buffer.from(
            `HTTP/1.1 ${status} Legacy Says So\r\nRetry-After: 7\r\nX-Mixed: a\r\nContent-Length: ${body.length}\r\n\r\n`,
          ),
          body,
        ]),
      );
      const text = await askOnce(stand.port, `GET /status-${status}`);
      const at = text.indexOf('\r\n\r\n');
      expect(text.slice(0, at).split('\r\n').slice(0, 3)).toEqual([
        `HTTP/1.1 ${status} Legacy Says So`,
        'Retry-After: 7',
        'X-Mixed: a',
      ]);
      expect(
        createHash('sha256')
          .update(text.slice(at + 4), 'latin1')
          .digest('hex'),
      ).toBe(sum);
    },
  );

  test('row-073-cookies: each Set-Cookie keeps its own line and its place', async () => {
    const lines = ['Set-Cookie: a=1; Path=/', 'X-Between: 1', 'set-cookie: b=2, 3', 'SET-COOKIE: a=4'];
    say('/cookies', `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`);
    const text = await askOnce(stand.port, 'GET /cookies');
    expect(text.split('\r\n').slice(1, 5)).toEqual(lines);
  });

  test.each([
    ['with-a-length', 'Content-Length: 4\r\n\r\nbody', true],
    ['until-it-closes', '\r\nbody', false],
    ['kept-alive', 'Connection: keep-alive\r\nContent-Length: 4\r\n\r\nbody', true],
  ])('row-073-http-1.0-%s: its answer arrives whole, framed anew', async (name, rest, hasLength) => {
    stand.monolith.on(`/old-${name}`, ({ socket }) => socket.end(`HTTP/1.0 200 Fine\r\nX-A: b\r\n${rest}`));
    const client = openClient(stand.port, ask(`GET /old-${name}`));
    const text = await client.until(hasLength ? '\r\n\r\nbody' : '0\r\n\r\n');
    client.socket.destroy();
    expect(text).toMatch(/^HTTP\/1.1 200 Fine\r\nX-A: b\r\n/);
    expect(text).toMatch(hasLength ? /\r\n\r\nbody$/ : /\r\n\r\n4\r\nbody\r\n0\r\n\r\n$/);
  });

  test('row-073-slow-drip: each byte leaves as it comes', async () => {
    stand.monolith.on('/drip', async ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
      for (const letter of 'slow!') {
        await untilMs(40);
        socket.write(letter);
      }
    });
    const client = openClient(stand.port, ask('GET /drip'));
    const arrivals: number[] = [];
    for (const letter of ['s', 'sl', 'slo', 'slow', 'slow!']) {
      await client.until(`\r\n\r\n${letter}`);
      arrivals.push(performance.now());
    }
    client.socket.destroy();
    const gaps = arrivals.slice(1).map((at, i) => at - (arrivals[i] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(10);
  });
});
