import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { valuesOf } from '../fuzz/strict-parser.ts';
import { until } from '../support/house.ts';
import {
  CHUNKED,
  HOST,
  head,
  KEY,
  openRawHouse,
  post,
  type RawHouse,
  SMUGGLED,
  statuses,
} from './raw-house.ts';

// Bodies that cannot be read to their end, and what stands before and behind them on one connection.

let raw: RawHouse;

beforeAll(async () => {
  raw = await openRawHouse();
});
afterAll(() => raw?.close());
beforeEach(() => {
  raw.held.length = 0;
});

describe('row-008-bad-chunks: a body whose chunks cannot be read is refused', () => {
  test.each([
    ['a size in 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a signed size', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['an empty size', '\r\nhello\r\n0\r\n\r\n'],
    ['a size that is no number', 'g\r\nhello\r\n0\r\n\r\n'],
    ['a size beyond 64 bits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
    ['a size line that ends in LF', '5\nhello\r\n0\r\n\r\n'],
    ['a size line that ends in CR', '5\rhello\r\n0\r\n\r\n'],
    ['data that ends in LF', '5\r\nhello\n0\r\n\r\n'],
    ['data that is too long', '5\r\nhello!\r\n0\r\n\r\n'],
    ['an LF in an extension', '5;a=\nb\r\nhello\r\n0\r\n\r\n'],
    ['a CR in an extension', '5;a=\rb\r\nhello\r\n0\r\n\r\n'],
    ['a NUL in an extension', '5;a=\0\r\nhello\r\n0\r\n\r\n'],
    ['an extension without end', `5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
    ['a last chunk that ends in LF', '5\r\nhello\r\n0\n\n'],
  ])('row-008-bad-chunks: %s: 400, closed, and no whole request upstream', async (_what, body) => {
    const refusals = countRefusals();

    const said = await raw.say(post(CHUNKED, body + SMUGGLED));

    expect(statuses(said)).toEqual([400]);
    expect(said.isClosed).toBe(true);
    expect(said.seen).toEqual([]);
    expect(countRefusals()).toBe(refusals + 1);
    await until(() => raw.upstream.open().length === 0, 'the half request upstream to be given up');
    await raw.expectService();
  });

  test('row-008-bad-chunks: a bad chunk behind a good one that has gone on already takes the request back', async () => {
    const halves = raw.upstream.halves.length;

    const said = await raw.say([post(CHUNKED, '5\r\nhello\r\n'), `zz\r\n${SMUGGLED}`]);

    expect(statuses(said)).toEqual([400]);
    expect(said.isClosed).toBe(true);
    await until(() => raw.upstream.halves.length > halves, 'the half request upstream to be given up');
    expect(raw.upstream.halves.at(-1)).toMatch(/^POST \/f\/ HTTP\/1\.1[\s\S]*5\r\nhello$/);
    expect(said.seen).toEqual([]);
    await raw.expectService();
  });
});

const countRefusals = () =>
  raw.house.log.filter(
    (line) => line.includes('"failure":"request_malformed"') && line.includes('"outcome":"refused"'),
  ).length;

test.each([
  ['an identity', 'X-Identity-Tag: forged\r\nX-Tenant-Id: initech\r\nX-User-Id: 9'],
  ['a host', 'Host: globex.localhost'],
  ['a harmless field', 'X-Checksum: 1'],
])('row-009-request-trailers: %s in a trailer goes no further', async (_what, trailer) => {
  const said = await raw.say(
    post([...CHUNKED, 'Trailer: X-Checksum'], `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`) +
      head('GET /next/ HTTP/1.1'),
    2,
  );

  expect(statuses(said)).toEqual([200, 200]);
  expect(said.seen.map(({ target, body }) => `${target} ${body}`)).toEqual(['/f/ hello', '/next/ ']);
  expect(said.seen[0]?.trailers).toEqual([]);
  expect(valuesOf(said.seen[0]?.lines ?? [], 'trailer')).toEqual([]);
  expect(raw.forgeries(said.seen)).toEqual([]);
});

test.each([
  ['another length', 'Content-Length: 50'],
  ['another coding', 'Transfer-Encoding: gzip'],
  ['a trailer without a colon', 'nonsense'],
  ['a folded trailer', 'X-A: 1\r\n 2'],
  ['a space before the colon', 'X-A : 1'],
])('row-009-request-trailers: %s is refused', async (_what, trailer) => {
  const said = await raw.say(post(CHUNKED, `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n${SMUGGLED}`));

  expect(statuses(said)).toEqual([400]);
  expect(said.isClosed).toBe(true);
  expect(said.seen).toEqual([]);
});

test.each([['GET'], ['HEAD'], ['DELETE'], ['OPTIONS'], ['POST'], ['PATCH'], ['PROPFIND']])(
  'row-010-body-with-any-method: %s with a chunked body is one request upstream, and the next one is itself',
  async (method) => {
    const body = `GET /smuggled/ HTTP/1.1\r\n${HOST}\r\n\r\n`;
    const text = head(`${method} /f/ HTTP/1.1`, ...CHUNKED);
    const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

    const said = await raw.say(text + chunks + head('GET /next/ HTTP/1.1'), 2);

    expect(statuses(said)).toEqual([200, 200]);
    expect(said.seen.map((seen) => `${seen.method} ${seen.target} ${seen.body}`)).toEqual([
      `${method} /f/ ${body}`,
      'GET /next/ ',
    ]);
  },
);

test.each([['GET'], ['DELETE'], ['OPTIONS']])(
  'row-010-body-with-any-method: %s with an empty chunked body leaves nothing behind',
  async (method) => {
    const said = await raw.say(
      `${head(`${method} /f/ HTTP/1.1`, ...CHUNKED)}0\r\n\r\n${head('GET /next/ HTTP/1.1')}`,
      2,
    );

    expect(statuses(said)).toEqual([200, 200]);
    expect(said.seen.map((seen) => `${seen.method} ${seen.target} ${seen.body}`)).toEqual([
      `${method} /f/ `,
      'GET /next/ ',
    ]);
  },
);

describe('row-014-pipelining: requests of one connection are answered one after the other', () => {
  test('row-014-pipelining: in their order, whichever is ready first, and each begins when the one before is answered', async () => {
    const saying = raw.say(
      head('POST /held/1/ HTTP/1.1', 'Content-Length: 2') +
        `ab${head('GET /2/ HTTP/1.1')}${head('GET /3/ HTTP/1.1')}`,
      3,
    );
    await until(() => raw.held.length === 1, 'the first request upstream');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(raw.upstream.seen.at(-1)?.target).toBe('/held/1/');
    raw.held[0]?.release();

    const said = await saying;

    expect(said.finals.map(({ body }) => body.split(' ')[2])).toEqual(['/held/1/', '/2/', '/3/']);
    expect(said.seen.map(({ target }) => target)).toEqual(['/held/1/', '/2/', '/3/']);
  });

  test('row-014-pipelining: what is left of a body is no part of the next request, and no request in a body runs', async () => {
    const inside = `POST /f/ HTTP/1.1\r\n${HOST}\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`;

    const said = await raw.say(inside + head('GET /next/ HTTP/1.1'), 2);

    expect(said.seen.map(({ target }) => target)).toEqual(['/f/', '/next/']);
    expect(String(said.seen[0]?.body)).toBe(SMUGGLED);
  });

  test.each([
    ['a path with two readings', head('GET /a//b/ HTTP/1.1')],
    ['two codings', `${post([KEY, 'Transfer-Encoding: gzip, chunked'])}0\r\n\r\n`],
    ['a loop', head('GET /f/ HTTP/1.1', 'Via: 1.1 banyan')],
    ['a bad host', 'GET /f/ HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['an expectation', head('GET /f/ HTTP/1.1', 'Expect: 200-ok')],
    ['Connection: close', head('GET /f/ HTTP/1.1', 'Connection: close')],
  ])(
    'row-014-pipelining: nothing runs that stands behind %s, after which the connection closes',
    async (_what, text) => {
      const before = raw.upstream.seen.length;

      const said = await raw.say(text + SMUGGLED + SMUGGLED);

      expect(said.isClosed).toBe(true);
      expect(said.finals).toHaveLength(1);
      expect(said.seen.filter(({ target }) => target === '/smuggled/')).toEqual([]);
      // Nor a little later.
      await raw.expectService();
      expect(raw.upstream.seen.slice(before).filter(({ target }) => target === '/smuggled/')).toEqual([]);
    },
  );

  test('row-014-pipelining: rubbish behind a request leaves its answer whole, and is refused after it', async () => {
    const saying = raw.say(
      `${head('POST /held/ HTTP/1.1', 'Content-Length: 2')}abRUBBISH\r\n\r\n${SMUGGLED}`,
    );
    await until(() => raw.held.length === 1, 'the request upstream');
    raw.held[0]?.release();

    const said = await saying;

    expect(statuses(said)).toEqual([200, 400]);
    expect(said.isClosed).toBe(true);
    expect(said.seen.map(({ target, body }) => `${target} ${body}`)).toEqual(['/held/ ab']);
  });

  test.each([
    ['CONNECT', 'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n'],
    [
      'a WebSocket',
      head(
        'GET /ws/chat/1/ HTTP/1.1',
        KEY,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ),
    ],
  ])(
    'row-014-pipelining: %s behind a request that is not answered yet is refused behind its answer',
    async (_what, text) => {
      const saying = raw.say(head('GET /held/ HTTP/1.1') + text);
      await until(() => raw.held.length === 1, 'the request upstream');
      raw.held[0]?.release();

      const said = await saying;

      expect(statuses(said)).toEqual([200, text.startsWith('CONNECT') ? 405 : 400]);
      expect(said.isClosed).toBe(true);
      expect(said.seen.map(({ target }) => target)).toEqual(['/held/']);
    },
  );

  test('row-014-pipelining: a request that asks for an upgrade it does not get is the last of its connection', async () => {
    const said = await raw.say(
      `${head('POST /f/ HTTP/1.1', 'Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 2')}ab${SMUGGLED}`,
    );

    expect(statuses(said)).toEqual([200]);
    expect(said.isClosed).toBe(true);
    expect(said.seen.map(({ target }) => target)).toEqual(['/f/']);
  });

  test('row-014-pipelining: whoever never waits for an answer is cut off', async () => {
    const said = await raw.say(head('GET /held/ HTTP/1.1') + head('GET /f/ HTTP/1.1').repeat(300));

    expect(said.isClosed).toBe(true);
    expect(said.seen.filter(({ target }) => target !== '/held/')).toEqual([]);
    await raw.expectService();
  });
});

describe('row-015-expect-continue: "go on" is said only to whoever may', () => {
  const asking = (...lines: readonly string[]) =>
    head('POST /api/ai/completions/ HTTP/1.1', 'Expect: 100-continue', ...lines);

  test('row-015-expect-continue: after the check of the caller; the expectation ends here, and the tag is there', async () => {
    const said = await raw.say([asking(KEY, 'Content-Length: 5'), 'hello'], 1);

    expect(said.text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(said.seen.map(({ body }) => String(body))).toEqual(['hello']);
    expect(valuesOf(said.seen[0]?.lines ?? [], 'expect')).toEqual([]);
    expect(raw.forgeries(said.seen)).toEqual([]);
  });

  test.each([
    ['a caller without a credential', asking('Content-Length: 5'), 401],
    ['a caller with a bad one', asking('Authorization: Bearer byn_demo_x', 'Content-Length: 5'), 401],
    ['a body that is too large', asking(KEY, 'Content-Length: 1048577'), 413],
  ])(
    'row-015-expect-continue: %s is told no before the body, and the connection closed',
    async (_what, text, status) => {
      const said = await raw.say([text, SMUGGLED]);

      expect(statuses(said)).toEqual([status]);
      expect(said.text).not.toContain('100 Continue');
      expect(said.isClosed).toBe(true);
      expect(said.seen).toEqual([]);
    },
  );
});

test.each([['200-ok'], ['100-continue, 200-ok'], ['100-continue;q=1'], ['x'], ['']])(
  'row-016-unknown-expectation: %j gets 417, and nothing goes upstream',
  async (value) => {
    await raw.expectRefusal(post([KEY, `Expect: ${value}`, 'Content-Length: 5'], 'hello'), [417]);
  },
);

describe('row-017-client-breaks-off: a body that ends too early never becomes a whole request upstream', () => {
  const BODIES = [
    ['with a length', post([KEY, 'Content-Length: 10'], 'hello')],
    ['in chunks', post(CHUNKED, '5\r\nhello\r\n')],
    ['in the middle of a chunk', post(CHUNKED, 'a\r\nhello')],
    ['before the end of the last chunk', post(CHUNKED, '5\r\nhello\r\n0\r\n')],
  ] as const;

  const breakOff = async (text: string, leave: 'end' | 'resetAndDestroy') => {
    const [before, halves] = [raw.upstream.seen.length, raw.upstream.halves.length];
    let answer = '';
    const socket = connect(raw.house.gatewayPort, '127.0.0.1', () => socket.write(text));
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      answer += piece;
    });
    await until(() => raw.upstream.open().some((half) => half.includes('hello')), 'the first half upstream');
    const leftMs = performance.now();
    socket[leave]();
    await until(() => raw.upstream.halves.length > halves, 'the upstream request to be given up');
    const tookMs = performance.now() - leftMs;
    socket.destroy();
    return { answer, tookMs, seen: raw.upstream.seen.slice(before) };
  };

  test('row-017-client-breaks-off: a request that has had its answer gets no second one', async () => {
    const text = head('POST /api/ai/completions/ HTTP/1.1', 'Content-Length: 10');
    let answer = '';
    const socket = connect(raw.house.gatewayPort, '127.0.0.1', () => socket.write(`${text}hello`));
    socket.on('data', (piece) => {
      answer += piece;
    });
    await until(() => answer.endsWith('}\n'), 'the refusal');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.end();
    await closed;

    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    await raw.expectService();
  });

  test.each(BODIES)('row-017-client-breaks-off: a body %s, ended by half-closing', async (_what, text) => {
    const { seen, answer } = await breakOff(text, 'end');

    expect(seen).toEqual([]);
    expect(answer).toMatch(/^(HTTP\/1\.1 400 |$)/);
    await raw.expectService();
  });

  test.each(BODIES)('row-017-client-breaks-off: a body %s, ended by a reset', async (_what, text) => {
    const { seen, tookMs } = await breakOff(text, 'resetAndDestroy');

    expect(seen).toEqual([]);
    // Well below what would be a timeout, on a busy machine, too.
    expect(tookMs).toBeLessThan(1_000);
    await raw.expectService();
  });
});
