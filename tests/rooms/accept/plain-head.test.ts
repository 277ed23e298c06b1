import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MOST_PLAIN_BYTES, type PlainHead, PlainHeads } from '../../../src/accept/plain-head.ts';
import { makeDraft, writeDraft } from '../../fuzz/drafts.ts';
import { MUTATIONS } from '../../fuzz/mutations.ts';
import { openRandom, type Random } from '../../fuzz/random.ts';

// What is taken here Node's parser never sees: it must be what Node's parser would have said, and a whole request without a body.

type Reading = Readonly<{ kind: string; method: string; url: string; rawHeaders: readonly string[] }>;

/** Node's own server, and what it made of the connection that is being read. */
let server: Server;
let readings: Reading[] = [];

beforeAll(async () => {
  server = createServer({ maxHeaderSize: 64 * 1024, requireHostHeader: false });
  server.maxHeadersCount = 0;
  const note = (kind: string, { method = '', url = '', rawHeaders }: IncomingMessage) =>
    readings.push({ kind, method, url, rawHeaders });
  for (const kind of ['request', 'checkContinue', 'checkExpectation'] as const) {
    server.on(kind, (req, res) => {
      note(kind, req);
      req.on('data', () => note('body', req));
      res.end();
    });
  }
  for (const kind of ['upgrade', 'connect'] as const) {
    server.on(kind, (req: IncomingMessage, socket: Duplex) => {
      note(kind, req);
      socket.destroy();
    });
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    readings.push({ kind: String(error.code), method: '', url: '', rawHeaders: [] });
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const LAST: Reading = {
  kind: 'request',
  method: 'GET',
  url: '/the-last',
  rawHeaders: ['Connection', 'close'],
};

/** Everything that Node's server reads on one connection on which these are said, and the last. */
async function readByNode(texts: readonly string[]): Promise<readonly Reading[]> {
  readings = [];
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(`${texts.join('')}GET ${LAST.url} HTTP/1.1\r\nConnection: close\r\n\r\n`, 'latin1');
  // A head that Node waits behind would wait for ever.
  socket.setTimeout(2_000, () => socket.destroy());
  await closed;
  return readings;
}

const BROWSER = [
  'Host: acme.localhost',
  'Connection: keep-alive',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  'Accept: text/html,application/xhtml+xml,*/*;q=0.8',
  'Accept-Encoding: gzip, deflate, br',
  'Accept-Language: de-DE,de;q=0.9',
  'Cookie: sessionid=ksdjfh34897; theme=dark',
  'If-None-Match: "a-b-c"',
  'X-Empty:',
];

/** As a client may send it, before anything is spoiled. */
function drawText(random: Random, id: string): string {
  if (random.chance(40)) return writeDraft(makeDraft(random, id));
  const method = random.pick(['GET', 'GET', 'GET', 'HEAD']);
  const target = random.pick([
    `/f/${id}/?a=1&b=%20`,
    '/',
    `/f/${id}#x?y#z`,
    '//x/../y',
    `/"<>[]^\`{|}~\\${id}`,
  ]);
  const lines = BROWSER.filter(() => random.chance(60));
  return writeDraft({ requestLine: `${method} ${target} HTTP/1.1`, lines, lineEnd: '\r\n', body: '' });
}

const ODD = [
  ...['\r', '\n', '\t', '\0', '\v', '\f', ' ', ':', '\r\n', '\n\r', '\r\r\n', '\r\n ', '\r\n\t', '\r\n\r\n'],
  ...['\x01', '\x1b', '\x7f', '\x80', '\x85', '\xa0', '\xad', '\xff', '  ', ' \t', '"', ',', ';', '_', '#'],
  ...[
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'HTTP/1.1',
    'GET / ',
  ],
];
/** Where parsers differ: around these. */
const SEAMS = [': ', ':', '\r\n', ' HTTP/1.1', ' /', '\r\n\r\n'];

/** Spoils some bytes, wherever they stand. */
function spoil(text: string, random: Random): string {
  const seam = random.pick(SEAMS);
  const seams = [...text.matchAll(new RegExp(seam, 'g'))].map(({ index }) => index);
  const near = random.pick(seams.length > 0 ? seams : [0]) + random.pick([0, seam.length, -1]);
  const at = Math.max(0, random.chance(50) ? near : random.whole(text.length + 1));
  const gone = random.pick([0, 0, 1, 1, 2, seam.length]);
  return text.slice(0, at) + (random.chance(20) ? '' : random.pick(ODD)) + text.slice(at + gone);
}

function drawSpoiled(random: Random, id: string): string {
  let text: string;
  if (random.chance(50)) text = drawText(random, id);
  else {
    let draft = makeDraft(random, id);
    const mutations = Object.values(MUTATIONS);
    for (let left = 1 + random.whole(2); left > 0; left -= 1)
      draft = random.pick(mutations)(draft, random, id);
    text = writeDraft(draft);
  }
  for (let left = random.whole(3); left > 0; left -= 1) text = spoil(text, random);
  return text;
}

type Taken = Readonly<{ text: string; head: PlainHead }>;

function take(texts: readonly string[]): readonly Taken[] {
  return texts.flatMap((text) => {
    if (text.length > MOST_PLAIN_BYTES) return [];
    // What comes is bytes: a sign beyond them would be another one on the wire.
    const sent = Buffer.from(text, 'latin1').toString('latin1');
    const head = new PlainHeads().read(sent);
    return head === undefined ? [] : [{ text: sent, head }];
  });
}

const EACH = 250;

/** Says them one behind the other, so that one of them that ended elsewhere would put all that follow out of step. */
async function expectNodeToAgree(taken: readonly Taken[]): Promise<void> {
  for (let from = 0; from < taken.length; from += EACH) {
    const some = taken.slice(from, from + EACH);
    const expected = some.map(({ head }) => ({ kind: 'request', ...head }));
    const read = await readByNode(some.map(({ text }) => text));
    const astray = expected.findIndex((reading, at) => JSON.stringify(reading) !== JSON.stringify(read[at]));
    const said = some[astray]?.text;
    expect({ said, reading: read[astray] }).toEqual({ said, reading: expected[astray] });
    expect(read).toEqual([...expected, LAST]);
  }
}

const draw = (seed: number, count: number, make: (random: Random, id: string) => string) => {
  const random = openRandom(seed);
  return Array.from({ length: count }, (_, i) => make(random, `${seed}-${i}`));
};

test.each<[string, string, Omit<PlainHead, 'form'>]>([
  ['no field at all', 'GET / HTTP/1.1\r\n\r\n', { method: 'GET', url: '/', rawHeaders: [] }],
  [
    'a name in other letters, a value that is empty and one with a colon',
    'HEAD /a?b=c HTTP/1.1\r\nhOST: y:80\r\nA:\r\nB: \r\nc:d\r\n\r\n',
    { method: 'HEAD', url: '/a?b=c', rawHeaders: ['hOST', 'y:80', 'A', '', 'B', '', 'c', 'd'] },
  ],
  [
    'a field twice, bytes beyond ASCII, and a connection that is to be kept',
    'GET / HTTP/1.1\r\nA: \xe9\xff\r\nA: 2\r\nConnection: Keep-Alive\r\n\r\n',
    { method: 'GET', url: '/', rawHeaders: ['A', '\xe9\xff', 'A', '2', 'Connection', 'Keep-Alive'] },
  ],
])('is taken: %s', (_what, text, head) => {
  expect(new PlainHeads().read(text)).toEqual(head);
});

describe('whatever is taken for plain, Node reads as the same request, without a body', () => {
  test('as clients send it, of which a good share is taken', async () => {
    const taken = take(draw(1, 2_000, drawText));

    expect(taken.length).toBeGreaterThan(1_000);
    await expectNodeToAgree(taken);
  });

  test.each([2, 3, 4, 5])('spoiled, with seed %i, of which some is taken still', async (seed) => {
    const taken = take(draw(seed, 3_000, drawSpoiled));

    expect(taken.length).toBeGreaterThan(300);
    await expectNodeToAgree(taken);
  });

  test('with any one byte in any place', async () => {
    const text = 'GET /a?b#c HTTP/1.1\r\nHost: y\r\nA-B: c d\r\nConnection: keep-alive\r\nE:\r\n\r\n';
    const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    const places = Array.from({ length: text.length + 1 }, (_, at) => at);
    const instead = places.flatMap((at) =>
      bytes.map((byte) => text.slice(0, at) + byte + text.slice(at + 1)),
    );
    const between = places.flatMap((at) => bytes.map((byte) => text.slice(0, at) + byte + text.slice(at)));

    const taken = take([...new Set([...instead, ...between])]);

    expect(taken.length).toBeGreaterThan(2_000);
    await expectNodeToAgree(taken);
  });
});

const withLine = (line: string) => `GET / HTTP/1.1\r\nHost: y\r\n${line}\r\n\r\n`;

test.each([
  ['nothing', ''],
  ['an empty line first', '\r\nGET / HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['half a head', 'GET / HTTP/1.1\r\nHost: y\r\n'],
  ['a head but for its last byte', 'GET / HTTP/1.1\r\nHost: y\r\n\r'],
  ['half a request line', 'GET / HTTP/1.1'],
  ['something behind the head', 'GET / HTTP/1.1\r\nHost: y\r\n\r\nx'],
  ['an empty line behind the head', 'GET / HTTP/1.1\r\nHost: y\r\n\r\n\r\n'],
  ['a second request behind it', 'GET / HTTP/1.1\r\n\r\n'.repeat(2)],
  ['another method', 'POST / HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['a method in small letters', 'get / HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: y\r\n\r\n'],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: y\r\n\r\n'],
  ['a version in small letters', 'GET / http/1.1\r\nHost: y\r\n\r\n'],
  ['no version', 'GET /\r\nHost: y\r\n\r\n'],
  ['two versions', 'GET / HTTP/1.1 HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['a whole URL as its target', 'GET http://y/ HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['an asterisk as its target', 'GET * HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['two spaces in the request line', 'GET  / HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['a tab in the request line', 'GET /\tHTTP/1.1\r\nHost: y\r\n\r\n'],
  ['a space behind the version', 'GET / HTTP/1.1 \r\nHost: y\r\n\r\n'],
  ['a target with a space', 'GET /a b HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['a target beyond ASCII', 'GET /\xe9 HTTP/1.1\r\nHost: y\r\n\r\n'],
  ['lines that end in LF', 'GET / HTTP/1.1\nHost: y\n\n'],
  ['one line that ends in LF', withLine('A: 1\nB: 2')],
  ['one line that ends in CR', withLine('A: 1\rB: 2')],
  ['a CR before the end of a line', withLine('A: 1\r')],
  ['a length', withLine('Content-Length: 0')],
  ['a coding', withLine('Transfer-Encoding: chunked')],
  ['a coding in other letters', withLine('tRANSFER-eNCODING: identity')],
  ['an expectation', withLine('Expect: 100-continue')],
  ['an upgrade', withLine('Connection: Upgrade\r\nUpgrade: websocket')],
  ['an upgrade that nothing nominates', withLine('Upgrade: h2c')],
  ['settings of another protocol', withLine('HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA')],
  ['a connection that is to be closed', withLine('Connection: close')],
  ['a connection that is to be kept, and more', withLine('Connection: keep-alive, close')],
  ['a field that ends here', withLine('Connection: X-Mine')],
  ['a proxy that is to keep its connection', withLine('Proxy-Connection: keep-alive')],
  ['words on how long to keep it', withLine('Keep-Alive: timeout=5')],
  ['trailers announced', withLine('Trailer: X-Fine')],
  ['trailers accepted', withLine('TE: trailers')],
  ['a line without a colon', withLine('Nonsense')],
  ['no name', withLine(': nothing')],
  ['a space before the colon', withLine('A : 1')],
  ['a tab before the colon', withLine('A\t: 1')],
  ['a line that is indented', withLine(' A: 1')],
  ['a line that is folded', withLine('A: 1\r\n 2')],
  ['an underscore in a name', withLine('X_Tenant: 1')],
  ['a byte beyond ASCII in a name', withLine('X\xe9: 1')],
  ['two spaces behind the colon', withLine('A:  1')],
  ['a tab behind the colon', withLine('A:\t1')],
  ['a space at the end of a value', withLine('A: 1 ')],
  ['a tab within a value', withLine('A: 1\t2')],
  ['NUL in a value', withLine('A: 1\x002')],
  ['DEL in a value', withLine('A: 1\x7f2')],
])('is left to Node: %s', (_what, text) => {
  expect(new PlainHeads().read(text)).toBeUndefined();
});

test('names that one client makes up do not send the requests of all others the long way', () => {
  for (let i = 0; i < 3_000; i += 1) new PlainHeads().read(withLine(`X-Made-Up-${i}: 1`));

  expect(new PlainHeads().read(withLine('X-Never-Seen-Before: 1'))).toBeDefined();
});
