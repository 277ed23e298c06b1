import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type BrokenProxy, openBeliever, openFirstHeadOnly, openMortal, openPipe } from './broken-proxies.ts';
import { type Fuzzed, fuzz } from './fuzzer.ts';
import { openRecordingUpstream } from './recording-upstream.ts';
import { reportFuzzed } from './report.ts';
import { makeStream } from './streams.ts';
import { isMessage, readConversation, readRequest } from './strict-parser.ts';

// A fuzzer that finds nothing may be blind. Here it looks at front doors that are broken.

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** A tag as good as the gateway's own, for the request that a head seems to be. */
function signTag(head: string): string {
  const [method = '', target = ''] = head.split(' ');
  const rid = /^x-request-id: (.*)\r$/im.exec(head)?.[1] ?? '';
  const nowS = Math.floor(Date.now() / 1000);
  const htp = createHash('sha256').update(target).digest('base64url');
  const claims = {
    iss: 'banyan',
    aud: 'legacy',
    sub: 'anonymous',
    rid,
    htm: method,
    htp,
    iat: nowS,
    exp: nowS + 30,
    jti: randomUUID(),
  };
  const [first, second] = [{ alg: 'ES256', kid: 'k' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  const signature = sign('sha256', Buffer.from(`${first}.${second}`), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${first}.${second}.${signature.toString('base64url')}`;
}

async function fuzzBroken(open: (upstreamPort: number) => Promise<BrokenProxy>): Promise<Fuzzed> {
  const upstream = await openRecordingUpstream();
  const proxy = await open(upstream.port);
  closers.push(upstream.close, proxy.close);
  const keys = [{ kid: 'k', key: publicKey }];
  const target = { port: proxy.port, upstream, keys, said: () => [], bugs: () => [] };
  return fuzz(target, { seed: 7, requests: 150, most: 1, settlingMs: 100 });
}

const details = ({ findings }: Fuzzed, kind: string) =>
  findings.filter((finding) => finding.kind === kind).map(({ detail }) => detail);

describe('the judge finds', () => {
  test('requests without a tag, and what never was one, behind a proxy that hands on every byte', async () => {
    const fuzzed = await fuzzBroken(openPipe);

    expect(details(fuzzed, 'forged').join('\n')).toMatch(/no tag/);
    expect(details(fuzzed, 'forged').join('\n')).toMatch(/names the victim/);
    expect(details(fuzzed, 'desync').join('\n')).toMatch(/the upstream could not read what it got/);
    expect(reportFuzzed(7, fuzzed)).toMatch(/FUZZ_SEED=7 FUZZ_STREAM=\d+/);
  });

  test('the second request of a connection behind a proxy that looks at the first only', async () => {
    const fuzzed = await fuzzBroken((port) => openFirstHeadOnly(port, signTag));

    expect(details(fuzzed, 'desync').join('\n')).toMatch(/came from nobody/);
    expect(details(fuzzed, 'desync').join('\n')).toMatch(/seen 1 times, said to be answered 0 times/);
  });

  test('identities that a client made up behind a proxy that only adds its own', async () => {
    const fuzzed = await fuzzBroken((port) => openBeliever(port, signTag));

    expect(details(fuzzed, 'forged').join('\n')).toMatch(/another spelling|the odd name/);
    expect(details(fuzzed, 'forged').join('\n')).toMatch(/the tag's \w+ is another one/);
  });

  test('a proxy that does not live through it', async () => {
    const fuzzed = await fuzzBroken(openMortal);

    expect(details(fuzzed, 'crash').join('\n')).toMatch(/a good request got 0/);
    expect(details(fuzzed, 'silent').join('\n')).toMatch(/closed without an answer/);
  });
});

test('the same seed gives the same streams, another seed other ones', () => {
  const texts = (seed: number) => [0, 1, 2, 3, 4].map((number) => String(makeStream(seed, number).bytes));
  expect(texts(1)).toEqual(texts(1));
  expect(texts(1)).not.toEqual(texts(2));
});

describe('the strict reading', () => {
  const read = (text: string) => readRequest(Buffer.from(text, 'latin1'), 0);

  test('takes what RFC 9112 takes', () => {
    const text =
      'POST /a HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\nT: 1\r\n\r\n';
    const message = read(text);
    expect(message).toMatchObject({ method: 'POST', target: '/a', end: text.length, trailers: [['T', '1']] });
    expect(isMessage(message) && String(message.body)).toBe('hello');
  });

  test.each([
    ['a bare LF', 'GET / HTTP/1.1\nHost: y\n\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two of them', 'GET / HTTP/1.1\r\nHost: y\r\nHost: y\r\n\r\n'],
    ['two lengths', 'GET / HTTP/1.1\r\nHost: y\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n'],
    [
      'length and chunked',
      'GET / HTTP/1.1\r\nHost: y\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['gzip', 'GET / HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['a folded line', 'GET / HTTP/1.1\r\nHost: y\r\nA: 1\r\n 2\r\n\r\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : y\r\n\r\n'],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: y\r\n\r\n'],
    ['a bad chunk', 'GET / HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n'],
    [
      'a chunk that is too long',
      'GET / HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n',
    ],
  ])('refuses %s', (_what, text) => {
    expect(read(text)).toMatchObject({ kind: 'refused' });
  });

  test.each([
    ['GET / HT'],
    ['GET / HTTP/1.1\r\nHost: y\r\n'],
    ['POST / HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\n\r\na'],
  ])('waits for the rest of %j', (text) => {
    expect(read(text)).toMatchObject({ kind: 'partial' });
  });

  test('reads nothing behind a request that is the last of its connection', () => {
    const text =
      'GET /1 HTTP/1.1\r\nHost: y\r\n\r\nGET /2 HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\nGET /3 HTTP/1.1\r\nHost: y\r\n\r\n';
    const { messages, end } = readConversation(Buffer.from(text));
    expect([messages.map(({ target }) => target), end]).toEqual([['/1', '/2'], 'over']);
  });
});
