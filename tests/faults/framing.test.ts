import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { valuesOf } from '../fuzz/strict-parser.ts';
import { HOST, head, KEY, openRawHouse, post, type RawHouse, SMUGGLED, statuses } from './raw-house.ts';

// Where a request ends, and whether it is one at all. The bodies themselves, and several requests on one connection: bodies-and-turns.test.ts.

let raw: RawHouse;

beforeAll(async () => {
  raw = await openRawHouse();
});
afterAll(() => raw?.close());

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
      await raw.expectRefusal(post([KEY, ...lines], `0\r\n\r\n${SMUGGLED}`));
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
    await raw.expectRefusal(post([KEY, ...lines], `hello${SMUGGLED}`));
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
  await raw.expectRefusal(text + SMUGGLED);
});

test.each([
  ['a space', head('GET /f/ HTTP/1.1', 'X-Note: one', ' two')],
  ['a tab', head('GET /f/ HTTP/1.1', 'X-Note: one', '\ttwo')],
  ['a framing header', post([KEY, 'X-Note: one', ' Transfer-Encoding: chunked'], '0\r\n\r\n')],
  ['a coding', post([KEY, 'Transfer-Encoding:', ' chunked'], '0\r\n\r\n')],
])('row-004-folded-lines: a line that goes on behind %s is refused, never unfolded', async (_what, text) => {
  await raw.expectRefusal(text);
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
  await raw.expectRefusal(text);
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
  await raw.expectRefusal(post([KEY, `Transfer-Encoding: ${coding}`], `0\r\n\r\n${SMUGGLED}`), [400, 501]);
});

test.each([['chunked\t'], ['chunked '], [' \tchunked\t ']])(
  'row-006-odd-transfer-encoding: %j is refused, or its body arrives: an upgrade asked for beside it does not make the body vanish',
  async (coding) => {
    const lines = [KEY, `Transfer-Encoding: ${coding}`, 'Connection: Upgrade', 'Upgrade: h2c'];

    const said = await raw.say([post(lines), '5\r\nhello\r\n', `0\r\n\r\n${SMUGGLED}`]);

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
  await raw.expectRefusal(post([KEY, ...lines], `0\r\n\r\n${SMUGGLED}`), [400, 501]);
});

test('row-007-two-codings: chunked in HTTP/1.0 is refused, and nothing behind it runs', async () => {
  const text = head('POST /f/ HTTP/1.0', KEY, 'Connection: keep-alive', 'Transfer-Encoding: chunked');
  await raw.expectRefusal(`${text}0\r\n\r\n${SMUGGLED}`);
});

describe('row-011-hidden-framing: a framing header behind many others is not overlooked', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `N${i}: 1`);

  test.each([[199], [1_000], [1_999], [2_001], [5_000]])(
    'row-011-hidden-framing: behind %i others: 431, closed, nothing upstream',
    async (count) => {
      await raw.expectRefusal(
        post([KEY, ...many(count), 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`),
        [431],
      );
    },
  );

  test('row-011-hidden-framing: behind as many as are taken, it frames', async () => {
    const said = await raw.say(
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
    const said = await raw.say(post([KEY, ...lines, `Connection: ${option}`], body), 1);

    expect(statuses(said)).toEqual([200]);
    const [seen] = said.seen;
    expect(String(seen?.body)).toBe('hello');
    const length = lines[0]?.startsWith('Content-Length') ? ['5'] : [];
    expect(valuesOf(seen?.lines ?? [], 'content-length')).toEqual(length);
    expect(valuesOf(seen?.lines ?? [], 'host')).toEqual(['acme.localhost']);
    expect(valuesOf(seen?.lines ?? [], 'x-tenant-id')).toEqual(['acme']);
    expect(valuesOf(seen?.lines ?? [], 'via')).toEqual(['1.1 banyan']);
    expect(raw.forgeries(said.seen)).toEqual([]);
  });

  test('row-012-connection-nominates: the rest of what it lists ends here, and the caller stays known', async () => {
    const lines = ['Authorization: Bearer byn_demo_acme', 'X-Secret: 1', 'Cookie: theme=dark'];
    const said = await raw.say(
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
    await raw.expectRefusal(text, [400, 505]);
  });

  test.each([
    ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('row-013-other-protocols: %s: closed, nothing upstream', async (_what, text) => {
    const said = await raw.say(text);

    expect(said.isClosed).toBe(true);
    expect(said.text).toMatch(/^(HTTP\/1\.1 400 |$)/);
    expect(said.seen).toEqual([]);
    await raw.expectService();
  });
});
