import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, openClient, openStand, type Stand } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

/** Asks twice on one connection, so that a body too many or too few would show. */
async function askAndGoOn(method: string, path: string, bytes: string): Promise<readonly string[]> {
  stand.monolith.on(path, ({ socket }) => socket.write(bytes));
  const client = openClient(stand.port, ask(`${method} ${path}`));
  await client.until('\r\n\r\n');
  client.send(ask('GET /next', 'Connection: close'));
  await client.ended;
  return client.text().split('\r\n\r\n');
}

describe('the head arrives as it is, nothing comes behind it, and the connection goes on', () => {
  test.each([
    ['HEAD with a length', 'HEAD', 'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 1234567', ''],
    ['HEAD in chunks', 'HEAD', 'HTTP/1.1 200 OK\r\nETag: "1"', '\r\nTransfer-Encoding: chunked'],
    ['HEAD without a length', 'HEAD', 'HTTP/1.1 200 OK\r\nETag: "1"', ''],
    ['HEAD that is not there', 'HEAD', 'HTTP/1.1 404 Not Found\r\nContent-Length: 179', ''],
    [
      'HEAD of a redirect',
      'HEAD',
      'HTTP/1.1 301 Moved Permanently\r\nLocation: /x/\r\nContent-Length: 0',
      '',
    ],
    ['204', 'DELETE', 'HTTP/1.1 204 No Content\r\nX-A: b', ''],
    [
      '304',
      'GET',
      'HTTP/1.1 304 Not Modified\r\nETag: W/"1"\r\nCache-Control: max-age=5\r\nVary: Cookie',
      '',
    ],
    [
      '304 with the length of what it spares',
      'GET',
      'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 5000',
      '',
    ],
    ['304 of a HEAD', 'HEAD', 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 5000', ''],
    ['an empty body', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0', ''],
    ['205', 'POST', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0', ''],
  ])('%s', async (name, method, kept, framing) => {
    const path = `/${name.replaceAll(' ', '-')}`;
    const [head = '', next = '', body] = await askAndGoOn(method, path, `${kept}${framing}\r\n\r\n`);
    expect(head.slice(0, kept.length + 2)).toBe(`${kept}\r\n`);
    expect(head).not.toMatch(/transfer-encoding/i);
    expect(next).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(body).toBe('ok');
  });
});

test('a 204 that claims a length loses it: a client that believed it would wait', async () => {
  const [head = '', , body] = await askAndGoOn(
    'GET',
    '/odd-204',
    'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-A: b\r\n\r\n',
  );
  expect(head).toMatch(/^HTTP\/1.1 204 No Content\r\nX-A: b\r\n/);
  expect(head).not.toMatch(/content-length/i);
  expect(body).toBe('ok');
});

test('a chunked body without a byte stays one', async () => {
  const parts = await askAndGoOn(
    'GET',
    '/no-chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  );
  expect(parts[0]).toMatch(/\r\nTransfer-Encoding: chunked(\r\n|$)/);
  expect(parts[1]).toBe('0');
  expect(parts.at(-1)).toBe('ok');
});
