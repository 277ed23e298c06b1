import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, askOnce, openClient, openStand, type Stand } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

const say = (path: string, bytes: string | Buffer) =>
  stand.monolith.on(path, ({ socket }) => socket.write(bytes));
const readLines = (text: string) => text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');

describe('what legacy sends arrives', () => {
  test('status text, names with their case, order and repeats, odd and empty values, bytes beyond ASCII', async () => {
    const lines = [
      'sErVeR: gunicorn/22',
      'X-Odd: z',
      'Set-Cookie: a=1',
      'x-odd: a',
      'Set-Cookie: b=2',
      'X-ODD: z',
      'X-Empty:',
      'X-Quoted: "a, b"; q=0.1',
      'X-Latin: f\u00fcr \u00e9\u00ff',
      'WWW-Authenticate: Basic realm="x", Bearer',
      'Via: 1.1 varnish',
      'Content-Length: 2',
    ];
    say(
      '/lines',
      Buffer.from(`HTTP/1.1 218 This is fine; really\r\n${lines.join('\r\n')}\r\n\r\nok`, 'latin1'),
    );
    const [status, ...seen] = readLines(await askOnce(stand.port, 'GET /lines'));
    expect(status).toBe('HTTP/1.1 218 This is fine; really');
    expect(seen.slice(0, lines.length).map((line) => line.replace(/: $/, ':'))).toEqual(lines);
  });

  test('one line is added, and what belongs to the connection is the gateway’s own', async () => {
    say(
      '/connection',
      'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=2\r\nX-Hop: 1\r\nProxy-Connection: x\r\nTE: x\r\nTrailer: x\r\nUpgrade: h2c\r\n' +
        'Date: Mon, 05 Jan 2026 09:30:00 GMT\r\nContent-Length: 2\r\n\r\nok',
    );
    const client = openClient(stand.port, ask('GET /connection'));
    const [, ...seen] = readLines(await client.until('ok'));
    client.socket.destroy();
    expect(seen).toEqual([
      'Date: Mon, 05 Jan 2026 09:30:00 GMT',
      'Content-Length: 2',
      expect.stringMatching(/^X-Request-Id: [\w-]+$/),
      'Connection: keep-alive',
      'Keep-Alive: timeout=75',
    ]);
  });

  test('the tag that legacy was sent never comes back to the client', async () => {
    say(
      '/echo-tag',
      'HTTP/1.1 200 OK\r\nX-Identity-Tag: secret\r\nX-Request-Id: mine\r\nContent-Length: 2\r\n\r\nok',
    );
    const text = await askOnce(stand.port, 'GET /echo-tag');
    expect(text).not.toContain('secret');
    expect(text.match(/x-request-id/gi)).toHaveLength(1);
  });

  test('a Date is added where legacy sends none', async () => {
    const text = await askOnce(stand.port, 'GET /without-date');
    expect(text).toMatch(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
  });

  test('a head of 40 KiB passes', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `X-Long-${i}: ${'v'.repeat(1_000)}`);
    say('/long', `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`);
    const [, ...seen] = readLines(await askOnce(stand.port, 'GET /long'));
    expect(seen.slice(0, 40)).toEqual(lines);
  });

  test('a compressed body passes as it is', async () => {
    const packed = gzipSync('a text that is packed '.repeat(100));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nETag: W/"1"\r\nContent-Length: ${packed.length}\r\n\r\n`;
    say('/packed', Buffer.concat([Buffer.from(head), packed]));
    const text = await askOnce(stand.port, 'GET /packed', 'Accept-Encoding: gzip;q=1.0, br');
    expect(readLines(text).slice(1, 5)).toEqual(readLines(head).slice(1, 5));
    expect(text.endsWith(packed.toString('latin1'))).toBe(true);
    expect((await stand.monolith.heard('/packed')).values('accept-encoding')).toEqual(['gzip;q=1.0, br']);
  });
});

describe('what the client sends arrives', () => {
  const ours =
    /^(host|connection|content-length|via|traceparent|x-(request-id|identity-tag|tenant-id|forwarded-\w+)):/i;
  const theirs = (lines: readonly string[]) => lines.filter((line) => !ours.test(line));

  test('names with their case, order and repeats, odd and empty values, bytes beyond ASCII', async () => {
    const lines = [
      'aCCept: */*',
      'X-Odd: z',
      'Cookie: a=1; b=2',
      'x-odd: a',
      'X-ODD: z',
      'X-Empty:',
      'Cookie: c=3',
      'X-Latin: f\u00fcr',
      'If-None-Match: W/"1", "2"',
      'Authorization: Basic dTpw',
      'Date: Mon, 05 Jan 2026 09:30:00 GMT',
      'User-Agent: a (b; c) d/1',
    ];
    await askBytes(Buffer.from(ask('GET /sent', ...lines), 'latin1'));
    const { lines: seen } = await stand.monolith.heard('/sent');
    expect(theirs(seen).map((line) => line.replace(/: $/, ':'))).toEqual(lines);
  });

  test.each([
    ['the query, whatever its order, escapes and repeats', '/q?b=2&a=%20&a=%2f&&=&c=%41+%zz&d=[]{}|^`'],
    ['a path with escapes', '/q/%E4%BD%A0/a%20b'],
    ['an empty query', '/q?'],
  ])('%s', async (_what, target) => {
    const path = target.split('?')[0] ?? '';
    const before = stand.monolith.asked.length;
    await askOnce(stand.port, `GET ${target}`);
    expect(stand.monolith.asked.slice(before).map((asked) => asked.target)).toEqual([target]);
    expect(path).toMatch(/^\/q/);
  });

  test('the Host as it came; its place is the first', async () => {
    await askBytes('GET /host HTTP/1.1\r\nX-A: b\r\nHost: Acme.Example:8080\r\n\r\n');
    const { lines } = await stand.monolith.heard('/host');
    expect(lines[0]).toBe('host: Acme.Example:8080');
  });

  test('a target in absolute form becomes a path', async () => {
    await askOnce(stand.port, 'GET http://a.example/absolute?x=1');
    expect((await stand.monolith.heard('/absolute')).target).toBe('/absolute?x=1');
  });

  test('what belongs to the client’s connection ends here, and what that nominates', async () => {
    await askOnce(
      stand.port,
      'GET /hop',
      'Connection: X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eDp5',
      'TE: trailers',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    );
    const { lines } = await stand.monolith.heard('/hop');
    expect(theirs(lines)).toEqual([]);
    expect(lines.filter((line) => line.startsWith('connection:'))).toHaveLength(1);
  });

  test('Via gets our entry behind those of others, with the version that the client spoke', async () => {
    await askOnce(stand.port, 'GET /via', 'Via: 1.1 edge, 2 cdn', 'Via: 1.0 office (squid)');
    await askBytes('GET /via-old HTTP/1.0\r\nHost: a.example\r\n\r\n');
    expect((await stand.monolith.heard('/via')).values('via')).toEqual([
      '1.1 edge, 2 cdn',
      '1.0 office (squid)',
      '1.1 banyan',
    ]);
    expect((await stand.monolith.heard('/via-old')).values('via')).toEqual(['1.0 banyan']);
  });

  test('Max-Forwards of an OPTIONS goes on less one, and ends here at zero', async () => {
    await askOnce(stand.port, 'OPTIONS /forwards', 'Max-Forwards: 3');
    const text = await askOnce(stand.port, 'OPTIONS /no-forwards', 'Max-Forwards: 0');
    await askOnce(stand.port, 'GET /get-forwards', 'Max-Forwards: 0');
    expect((await stand.monolith.heard('/forwards')).values('max-forwards')).toEqual(['2']);
    expect((await stand.monolith.heard('/get-forwards')).values('max-forwards')).toEqual(['0']);
    expect(text).toMatch(/^HTTP\/1.1 405 /);
    expect(stand.monolith.asked.map(({ target }) => target)).not.toContain('/no-forwards');
  });

  test.each([
    ['with a length', ['Content-Length: 9'], 'some\0byte'],
    ['in chunks', ['Transfer-Encoding: chunked'], '4\r\nsome\r\n5\r\n\0byte\r\n0\r\n\r\n'],
  ])('a body %s, framed in the same way', async (name, framing, body) => {
    const path = `/body-${name.replaceAll(' ', '-')}`;
    await askBytes(ask(`POST ${path}`, 'Content-Type: x/y', 'Content-Encoding: gzip', ...framing) + body);
    const asked = await stand.monolith.heard(path);
    await asked.whole;
    expect(asked.lines).toEqual(expect.arrayContaining(['Content-Type: x/y', 'Content-Encoding: gzip']));
    expect(asked.values(framing[0]?.split(':')[0] ?? '')).toEqual([framing[0]?.split(': ')[1]]);
    expect(unchunk(asked.body.toString('latin1'), name)).toBe('some\0byte');
  });

  test.each([
    ['POST', ['content-length: 0']],
    ['PUT', ['content-length: 0']],
    ['GET', []],
    ['DELETE', []],
  ])('a %s that says it has no body', async (method, lengths) => {
    await askOnce(stand.port, `${method} /empty-${method}`, 'Content-Length: 0');
    const { lines } = await stand.monolith.heard(`/empty-${method}`);
    expect(lines.filter((line) => /^(content-length|transfer-encoding)/i.test(line))).toEqual(lengths);
  });

  test.each(['GET', 'DELETE', 'OPTIONS'])('a %s that has a body all the same', async (method) => {
    await askBytes(`${ask(`${method} /with-body`, 'Content-Length: 2')}ab`);
    const asked = stand.monolith.asked.filter(({ target }) => target === '/with-body').at(-1);
    expect([asked?.method, asked?.body.toString()]).toEqual([method, 'ab']);
  });

  test.each(['PROPFIND', 'REPORT', 'PATCH', 'M-SEARCH'])('the method %s', async (method) => {
    await askOnce(stand.port, `${method} /method-${method}`);
    expect((await stand.monolith.heard(`/method-${method}`)).method).toBe(method);
  });
});

async function askBytes(bytes: string | Buffer): Promise<string> {
  const client = openClient(stand.port, bytes);
  const text = await client.until('\r\n\r\nok');
  client.socket.destroy();
  return text;
}

function unchunk(text: string, name: string): string {
  if (name !== 'in chunks') return text;
  return text.replace(/([0-9a-f]+)\r\n([\s\S]*?)\r\n/g, (_all, size: string, data: string) =>
    size === '0' ? '' : data,
  );
}
