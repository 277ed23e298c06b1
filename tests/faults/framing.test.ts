import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Answer, readAnswers } from '../fuzz/answers.ts';
import { fetchTagKeys, findForgeries, type TagKey } from '../fuzz/identity.ts';
import {
  openRecordingUpstream,
  type RecordingUpstream,
  type Seen,
  writeEcho,
} from '../fuzz/recording-upstream.ts';
import { valuesOf } from '../fuzz/strict-parser.ts';
import { startHouse, type TestHouse, until } from '../support/house.ts';
import { sendRaw } from '../support/raw-http.ts';

// The whole gateway, before a monolith that reads by the letter and keeps every byte. What is sent is sent as it stands.

const HOST = 'Host: acme.localhost';
const KEY = 'Authorization: Bearer byn_demo_acme';
const SMUGGLED = `GET /smuggled/ HTTP/1.1\r\n${HOST}\r\n\r\n`;

let house: TestHouse;
let upstream: RecordingUpstream;
let keys: readonly TagKey[];
let held: { seen: Seen; release(): void }[] = [];

beforeAll(async () => {
  upstream = await openRecordingUpstream((seen, socket) => {
    if (!seen.target.startsWith('/held/')) return writeEcho(seen);
    held.push({ seen, release: () => socket.write(writeEcho(seen)) });
    return undefined;
  });
  house = await startHouse({
    legacyUrl: upstream.url,
    env: { MAX_BODY_BYTES: '1048576', SHED_LAG_MS: '60000', BREAKER_FAILED_PERCENT: '100' },
  });
  keys = await fetchTagKeys(house.adminUrl);
});
afterAll(async () => {
  await house?.close();
  await upstream?.close();
});
beforeEach(() => {
  held = [];
});

const head = (requestLine: string, ...lines: readonly string[]) =>
  [requestLine, HOST, ...lines, '', ''].join('\r\n');
const post = (lines: readonly string[], body = '') => head('POST /f/ HTTP/1.1', ...lines) + body;

type Said = Readonly<{ text: string; finals: readonly Answer[]; isClosed: boolean; seen: readonly Seen[] }>;

/** Says these very bytes on one connection; ends when it is closed, or when `answers` final answers have come. */
async function say(text: string | readonly string[], answers = Number.POSITIVE_INFINITY): Promise<Said> {
  const before = upstream.seen.length;
  const pieces = typeof text === 'string' ? [text] : text;
  const heard = await new Promise<Omit<Said, 'seen'>>((resolve) => {
    let all = '';
    const socket = connect(house.gatewayPort, '127.0.0.1', async () => {
      socket.setNoDelay(true);
      for (const piece of pieces) {
        socket.write(Buffer.from(piece, 'latin1'));
        await new Promise((next) => setTimeout(next, 15));
      }
    });
    const finish = (isClosed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: all, finals: readAnswers(all, []).finals, isClosed });
    };
    const timer = setTimeout(() => finish(false), 3_000);
    socket.on('error', () => undefined);
    socket.on('close', () => finish(true));
    socket.on('data', (piece) => {
      all += piece.toString('latin1');
      if (readAnswers(all, []).finals.length >= answers) finish(false);
    });
  });
  return { ...heard, seen: upstream.seen.slice(before) };
}

const statuses = ({ finals }: Said) => finals.map(({ status }) => status);
const bugs = () => house.log.filter((line) => line.includes('"event":"bug"'));

/** Refused in the gateway's own words, the connection closed, not a byte upstream, and everybody else served. */
async function expectRefusal(text: string, expected: readonly number[] = [400]): Promise<void> {
  const [halves, broken] = [upstream.halves.length, upstream.refused.length];

  const said = await say(text);

  expect(said.finals).toHaveLength(1);
  expect(expected).toContain(said.finals[0]?.status);
  expect(said.finals[0]?.fields.get('content-type')).toBe('application/problem+json');
  expect(JSON.parse(said.finals[0]?.body ?? '')).toMatchObject({ blame: 'caller', retry_safe: true });
  expect(said.isClosed).toBe(true);
  expect(said.seen).toEqual([]);
  expect([upstream.halves.length, upstream.refused.length, upstream.open()]).toEqual([halves, broken, []]);
  await expectService();
}

async function expectService(): Promise<void> {
  const said = await say(head('GET /well/ HTTP/1.1', KEY), 1);
  expect(statuses(said)).toEqual([200]);
  expect(said.seen.flatMap((seen) => findForgeries(seen, keys))).toEqual([]);
  expect(bugs()).toEqual([]);
}

describe('row-001-length-and-chunked: a request with Content-Length and Transfer-Encoding is refused', () => {
  test.each([
    ['length first', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['chunked first', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
    ['in odd letters', ['content-LENGTH: 5', 'TRANSFER-encoding: Chunked']],
    ['a length of 0', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
    [
      'a length that spans the chunks',
      [`Content-Length: ${5 + SMUGGLED.length}`, 'Transfer-Encoding: chunked'],
    ],
  ])(
    'row-001-length-and-chunked: %s: 400, closed, nothing upstream, what is behind it never runs',
    async (_what, lines) => {
      await expectRefusal(post([KEY, ...lines], `0\r\n\r\n${SMUGGLED}`));
    },
  );
});

test.each([
  ['5', '6'],
  ['5', '5'],
  ['5, 5'],
  ['5,6'],
  ['+5'],
  ['-5'],
  ['0x5'],
  ['5.0'],
  ['5e0'],
  ['5 5'],
  ['5;'],
  ['"5"'],
  [''],
  ['9999999999999999'],
  ['99999999999999999999999999'],
  ['18446744073709551621'],
])(
  'row-002-content-length: a length of %j (and %j) is refused, and nothing goes upstream',
  async (...values) => {
    const lines = values
      .filter((value) => typeof value === 'string')
      .map((value) => `Content-Length: ${value}`);
    await expectRefusal(post([KEY, ...lines], `hello${SMUGGLED}`));
  },
);

test.each([
  ['a space before the colon', post([KEY, 'Content-Length : 5'], 'hello')],
  ['a tab before the colon', post([KEY, 'Content-Length\t: 5'], 'hello')],
  ['a first line that is indented', `GET /f/ HTTP/1.1\r\n X: 1\r\n${HOST}\r\n\r\n`],
  ['a line without a colon', head('GET /f/ HTTP/1.1', 'Nonsense')],
  ['an empty name', head('GET /f/ HTTP/1.1', ': value')],
  ['a NUL in a name', head('GET /f/ HTTP/1.1', 'X\0Y: value')],
  ['a comma in a name', head('GET /f/ HTTP/1.1', 'X,Y: value')],
])('row-003-field-names: %s is refused', async (_what, text) => {
  await expectRefusal(text + SMUGGLED);
});

test.each([
  ['a space', head('GET /f/ HTTP/1.1', 'X-Note: one', ' two')],
  ['a tab', head('GET /f/ HTTP/1.1', 'X-Note: one', '\ttwo')],
  ['a framing header', post([KEY, 'X-Note: one', ' Transfer-Encoding: chunked'], '0\r\n\r\n')],
  ['a coding', post([KEY, 'Transfer-Encoding:', ' chunked'], '0\r\n\r\n')],
])('row-004-folded-lines: a line that goes on behind %s is refused, never unfolded', async (_what, text) => {
  await expectRefusal(text);
});

test.each([
  ['lines that end in LF', `GET /f/ HTTP/1.1\n${HOST}\n\n`],
  ['one line that ends in LF', `GET /f/ HTTP/1.1\r\n${HOST}\nX-Note: 1\r\n\r\n`],
  ['an LF in a value', head('GET /f/ HTTP/1.1', 'X-Note: a\nX-Tenant-Id: initech')],
  ['a CR in a value', head('GET /f/ HTTP/1.1', 'X-Note: a\rX-Tenant-Id: initech')],
  ['a CR at the end of a value', head('GET /f/ HTTP/1.1', 'X-Note: a\r')],
  ['an empty line that ends in LF', `GET /f/ HTTP/1.1\r\n${HOST}\r\n\n`],
  ['a NUL in a value', head('GET /f/ HTTP/1.1', 'X-Note: a\0b')],
  ['a NUL in the path', head('GET /f\0/ HTTP/1.1')],
  ['another control character in a value', head('GET /f/ HTTP/1.1', 'X-Note: a\x1bb')],
])('row-005-line-ends: %s: refused', async (_what, text) => {
  await expectRefusal(text);
});

test.each([
  ['xchunked'],
  ['chunked, identity'],
  ['identity'],
  ['chunked;q=1'],
  ['\x0bchunked'],
  ['\x0cchunked'],
  ['"chunked"'],
  ['chunked,'],
  [',chunked'],
  [''],
  ['chunk\xe9d'],
])('row-006-odd-transfer-encoding: %j is refused', async (coding) => {
  await expectRefusal(post([KEY, `Transfer-Encoding: ${coding}`], `0\r\n\r\n${SMUGGLED}`), [400, 501]);
});

test.each([['chunked\t'], ['chunked '], [' \tchunked\t ']])(
  'row-006-odd-transfer-encoding: %j is refused, or its body arrives: an upgrade asked for beside it does not make the body vanish',
  async (coding) => {
    const lines = [KEY, `Transfer-Encoding: ${coding}`, 'Connection: Upgrade', 'Upgrade: h2c'];

    const said = await say([post(lines), '5\r\nhello\r\n', `0\r\n\r\n${SMUGGLED}`]);

    expect(said.isClosed).toBe(true);
    const bodies = said.seen.map(({ target, body }) => `${target} ${body}`);
    expect([statuses(said), bodies]).toEqual(
      statuses(said)[0] === 400 ? [[400], []] : [[200], ['/f/ hello']],
    );
  },
);

test.each([
  ['twice in one line', ['Transfer-Encoding: chunked, chunked']],
  ['on two lines', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
  ['behind gzip', ['Transfer-Encoding: gzip, chunked']],
  ['behind gzip on another line', ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked']],
  ['before identity on another line', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']],
])('row-007-two-codings: chunked %s is refused, and nothing behind it runs', async (_what, lines) => {
  await expectRefusal(post([KEY, ...lines], `0\r\n\r\n${SMUGGLED}`), [400, 501]);
});

test('row-007-two-codings: chunked in HTTP/1.0 is refused, and nothing behind it runs', async () => {
  const text = head('POST /f/ HTTP/1.0', KEY, 'Connection: keep-alive', 'Transfer-Encoding: chunked');
  await expectRefusal(`${text}0\r\n\r\n${SMUGGLED}`);
});

const CHUNKED = [KEY, 'Transfer-Encoding: chunked'];

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

    const said = await say(post(CHUNKED, body + SMUGGLED));

    expect(statuses(said)).toEqual([400]);
    expect(said.isClosed).toBe(true);
    expect(said.seen).toEqual([]);
    expect(countRefusals()).toBe(refusals + 1);
    await until(() => upstream.open().length === 0, 'the half request upstream to be given up');
    await expectService();
  });

  test('row-008-bad-chunks: a bad chunk behind a good one that has gone on already takes the request back', async () => {
    const halves = upstream.halves.length;

    const said = await say([post(CHUNKED, '5\r\nhello\r\n'), `zz\r\n${SMUGGLED}`]);

    expect(statuses(said)).toEqual([400]);
    expect(said.isClosed).toBe(true);
    await until(() => upstream.halves.length > halves, 'the half request upstream to be given up');
    expect(upstream.halves.at(-1)).toMatch(/^POST \/f\/ HTTP\/1\.1[\s\S]*5\r\nhello$/);
    expect(said.seen).toEqual([]);
    await expectService();
  });
});

const countRefusals = () =>
  house.log.filter(
    (line) => line.includes('"failure":"request_malformed"') && line.includes('"outcome":"refused"'),
  ).length;

test.each([
  ['an identity', 'X-Identity-Tag: forged\r\nX-Tenant-Id: initech\r\nX-User-Id: 9'],
  ['a host', 'Host: globex.localhost'],
  ['a harmless field', 'X-Checksum: 1'],
])('row-009-request-trailers: %s in a trailer goes no further', async (_what, trailer) => {
  const said = await say(
    post([...CHUNKED, 'Trailer: X-Checksum'], `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`) +
      head('GET /next/ HTTP/1.1'),
    2,
  );

  expect(statuses(said)).toEqual([200, 200]);
  expect(said.seen.map(({ target, body }) => `${target} ${body}`)).toEqual(['/f/ hello', '/next/ ']);
  expect(said.seen[0]?.trailers).toEqual([]);
  expect(valuesOf(said.seen[0]?.lines ?? [], 'trailer')).toEqual([]);
  expect(said.seen.flatMap((seen) => findForgeries(seen, keys))).toEqual([]);
});

test.each([
  ['another length', 'Content-Length: 50'],
  ['another coding', 'Transfer-Encoding: gzip'],
  ['a trailer without a colon', 'nonsense'],
  ['a folded trailer', 'X-A: 1\r\n 2'],
  ['a space before the colon', 'X-A : 1'],
])('row-009-request-trailers: %s is refused', async (_what, trailer) => {
  const said = await say(post(CHUNKED, `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n${SMUGGLED}`));

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

    const said = await say(text + chunks + head('GET /next/ HTTP/1.1'), 2);

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
    const said = await say(
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

describe('row-011-hidden-framing: a framing header behind many others is not overlooked', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `N${i}: 1`);

  test.each([[199], [1_000], [1_999], [2_001], [5_000]])(
    'row-011-hidden-framing: behind %i others: 431, closed, nothing upstream',
    async (count) => {
      await expectRefusal(
        post([KEY, ...many(count), 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`),
        [431],
      );
    },
  );

  test('row-011-hidden-framing: behind as many as are taken, it frames', async () => {
    const said = await say(
      post([KEY, ...many(190), 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
      1,
    );

    expect(said.seen.map(({ body }) => String(body))).toEqual(['hello']);
  });
});

describe('row-012-connection-nominates: what Connection lists never changes how a request is read', () => {
  test.each([
    ['Transfer-Encoding', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'],
    ['Content-Length', ['Content-Length: 5'], 'hello'],
    ['close, Content-Length, Host', ['Content-Length: 5'], 'hello'],
    [
      'Host, X-Identity-Tag, X-Tenant-Id, X-User-Id, X-Request-Id, Via, X-Forwarded-For',
      ['Content-Length: 5'],
      'hello',
    ],
  ])('row-012-connection-nominates: Connection: %s', async (option, lines, body) => {
    const said = await say(post([KEY, ...lines, `Connection: ${option}`], body), 1);

    expect(statuses(said)).toEqual([200]);
    const [seen] = said.seen;
    expect(String(seen?.body)).toBe('hello');
    expect(valuesOf(seen?.lines ?? [], 'host')).toEqual(['acme.localhost']);
    expect(valuesOf(seen?.lines ?? [], 'x-tenant-id')).toEqual(['acme']);
    expect(valuesOf(seen?.lines ?? [], 'via')).toEqual(['1.1 banyan']);
    expect(said.seen.flatMap((each) => findForgeries(each, keys))).toEqual([]);
  });

  test('row-012-connection-nominates: the rest of what it lists ends here, and the caller stays known', async () => {
    const lines = ['Authorization: Bearer byn_demo_acme', 'X-Secret: 1', 'Cookie: theme=dark'];
    const said = await say(
      head('GET /f/ HTTP/1.1', ...lines, 'Connection: Authorization, x-secret, COOKIE'),
      1,
    );

    const [seen] = said.seen;
    for (const name of ['authorization', 'x-secret', 'cookie', 'connection'])
      expect(valuesOf(seen?.lines ?? [], name).filter((value) => value !== 'keep-alive')).toEqual([]);
    expect(valuesOf(seen?.lines ?? [], 'x-user-id')).toEqual(['1']);
  });
});

describe('row-013-other-protocols: what is no HTTP/1.0 or HTTP/1.1 goes nowhere', () => {
  test.each([
    ['HTTP/0.9', 'GET /f/\r\n\r\n'],
    ['HTTP/0.9 with headers', `GET /f/\r\n${HOST}\r\n\r\n`],
    ['HTTP/0.9 by name', head('GET /f/ HTTP/0.9')],
    ['HTTP/1.2', head('GET /f/ HTTP/1.2')],
    ['HTTP/2.0', head('GET /f/ HTTP/2.0')],
    ['HTTP/2.0 with a body', head('POST /f/ HTTP/2.0', KEY, 'Content-Length: 5')],
    ['HTTP/3', head('GET /f/ HTTP/3')],
    ['HTTP/11', head('GET /f/ HTTP/11')],
    ['http/1.1', head('GET /f/ http/1.1')],
    ['another protocol', head('DESCRIBE /f/ RTSP/1.0')],
    ['Icecast', head('SOURCE /f/ ICE/1.0')],
    ['SSH', 'SSH-2.0-OpenSSH_9.0\r\n'],
  ])('row-013-other-protocols: %s: refused and closed, nothing upstream', async (_what, text) => {
    await expectRefusal(text, [400, 505]);
  });

  test.each([
    ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('row-013-other-protocols: %s: closed, nothing upstream', async (_what, text) => {
    const said = await say(text);

    expect(said.isClosed).toBe(true);
    expect(said.text).toMatch(/^(HTTP\/1\.1 400 |$)/);
    expect(said.seen).toEqual([]);
    await expectService();
  });
});

describe('row-014-pipelining: requests of one connection are answered one after the other', () => {
  test('row-014-pipelining: in their order, whichever is ready first, and each begins when the one before is answered', async () => {
    const saying = say(
      head('POST /held/1/ HTTP/1.1', 'Content-Length: 2') +
        `ab${head('GET /2/ HTTP/1.1')}${head('GET /3/ HTTP/1.1')}`,
      3,
    );
    await until(() => held.length === 1, 'the first request upstream');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(upstream.seen.at(-1)?.target).toBe('/held/1/');
    held[0]?.release();

    const said = await saying;

    expect(said.finals.map(({ body }) => body.split(' ')[2])).toEqual(['/held/1/', '/2/', '/3/']);
    expect(said.seen.map(({ target }) => target)).toEqual(['/held/1/', '/2/', '/3/']);
  });

  test('row-014-pipelining: what is left of a body is no part of the next request, and no request in a body runs', async () => {
    const inside = `POST /f/ HTTP/1.1\r\n${HOST}\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`;

    const said = await say(inside + head('GET /next/ HTTP/1.1'), 2);

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
      const before = upstream.seen.length;

      const said = await say(text + SMUGGLED + SMUGGLED);

      expect(said.isClosed).toBe(true);
      expect(said.finals).toHaveLength(1);
      expect(said.seen.filter(({ target }) => target === '/smuggled/')).toEqual([]);
      // Nor a little later.
      await expectService();
      expect(upstream.seen.slice(before).filter(({ target }) => target === '/smuggled/')).toEqual([]);
    },
  );

  test('row-014-pipelining: rubbish behind a request leaves its answer whole, and is refused after it', async () => {
    const saying = say(`${head('POST /held/ HTTP/1.1', 'Content-Length: 2')}abRUBBISH\r\n\r\n${SMUGGLED}`);
    await until(() => held.length === 1, 'the request upstream');
    held[0]?.release();

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
      const saying = say(head('GET /held/ HTTP/1.1') + text);
      await until(() => held.length === 1, 'the request upstream');
      held[0]?.release();

      const said = await saying;

      expect(statuses(said)).toEqual([200, text.startsWith('CONNECT') ? 405 : 400]);
      expect(said.isClosed).toBe(true);
      expect(said.seen.map(({ target }) => target)).toEqual(['/held/']);
    },
  );

  test('row-014-pipelining: a request that asks for an upgrade it does not get is the last of its connection', async () => {
    const said = await say(
      `${head('POST /f/ HTTP/1.1', 'Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 2')}ab${SMUGGLED}`,
    );

    expect(statuses(said)).toEqual([200]);
    expect(said.isClosed).toBe(true);
    expect(said.seen.map(({ target }) => target)).toEqual(['/f/']);
  });

  test('row-014-pipelining: whoever never waits for an answer is cut off', async () => {
    const said = await say(head('GET /held/ HTTP/1.1') + head('GET /f/ HTTP/1.1').repeat(300));

    expect(said.isClosed).toBe(true);
    expect(said.seen.map(({ target }) => target)).toEqual(['/held/']);
    await expectService();
  });
});

describe('row-015-expect-continue: "go on" is said only to whoever may', () => {
  const asking = (...lines: readonly string[]) =>
    head('POST /api/ai/completions/ HTTP/1.1', 'Expect: 100-continue', ...lines);

  test('row-015-expect-continue: after the check of the caller; the expectation ends here, and the tag is there', async () => {
    const said = await say([asking(KEY, 'Content-Length: 5'), 'hello'], 1);

    expect(said.text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(said.seen.map(({ body }) => String(body))).toEqual(['hello']);
    expect(valuesOf(said.seen[0]?.lines ?? [], 'expect')).toEqual([]);
    expect(said.seen.flatMap((seen) => findForgeries(seen, keys))).toEqual([]);
  });

  test.each([
    ['a caller without a credential', asking('Content-Length: 5'), 401],
    ['a caller with a bad one', asking('Authorization: Bearer byn_demo_x', 'Content-Length: 5'), 401],
    ['a body that is too large', asking(KEY, 'Content-Length: 1048577'), 413],
  ])(
    'row-015-expect-continue: %s is told no before the body, and the connection closed',
    async (_what, text, status) => {
      const said = await say([text, SMUGGLED]);

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
    await expectRefusal(post([KEY, `Expect: ${value}`, 'Content-Length: 5'], 'hello'), [417]);
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
    const [before, halves] = [upstream.seen.length, upstream.halves.length];
    let answer = '';
    const socket = connect(house.gatewayPort, '127.0.0.1', () => socket.write(text));
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      answer += piece;
    });
    await until(() => upstream.open().some((half) => half.includes('hello')), 'the first half upstream');
    const leftMs = performance.now();
    socket[leave]();
    await until(() => upstream.halves.length > halves, 'the upstream request to be given up');
    const tookMs = performance.now() - leftMs;
    socket.destroy();
    return { answer, tookMs, seen: upstream.seen.slice(before) };
  };

  test.each(BODIES)('row-017-client-breaks-off: a body %s, ended by half-closing', async (_what, text) => {
    const { seen, answer } = await breakOff(text, 'end');

    expect(seen).toEqual([]);
    expect(answer).toMatch(/^(HTTP\/1\.1 400 |$)/);
    await expectService();
  });

  test.each(BODIES)('row-017-client-breaks-off: a body %s, ended by a reset', async (_what, text) => {
    const { seen, tookMs } = await breakOff(text, 'resetAndDestroy');

    expect(seen).toEqual([]);
    // Well below what would be a timeout, on a busy machine, too.
    expect(tookMs).toBeLessThan(1_000);
    await expectService();
  });
});

test('every answer here came from the gateway that is tested', async () => {
  const { text } = await sendRaw(house.gatewayPort, head('GET /f/ HTTP/1.1'), '\r\n\r\n');
  expect(text).toContain('X-Echo');
});
