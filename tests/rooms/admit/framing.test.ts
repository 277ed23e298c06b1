import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { arriveAt, openRoom, outcomeOf, sendRaw, startDoor, statusOf, withHeaders } from './support.ts';

const { admit } = openRoom();
let door: Awaited<ReturnType<typeof startDoor>>;

beforeAll(async () => {
  door = await startDoor(admit);
});
afterAll(async () => {
  admit.close();
  await door.stop();
});

const post = (...lines: string[]) =>
  `POST /a HTTP/1.1\r\nHost: acme.localhost\r\n${lines.join('\r\n')}\r\n\r\n0\r\n\r\n`;
const get = (...lines: string[]) =>
  `GET /a HTTP/1.1\r\nHost: acme.localhost\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

describe('a request whose framing can be doubted never arrives', () => {
  test.each([
    ['length and chunked at once', post('Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['chunked and then a length', post('Transfer-Encoding: chunked', 'Content-Length: 5')],
    ['two different lengths', post('Content-Length: 5', 'Content-Length: 6')],
    ['two equal lengths', post('Content-Length: 5', 'Content-Length: 5')],
    ['a list of lengths', post('Content-Length: 5, 5')],
    ['a signed length', post('Content-Length: +5')],
    ['a negative length', post('Content-Length: -5')],
    ['a hexadecimal length', post('Content-Length: 0x5')],
    ['an empty length', post('Content-Length: ')],
    ['a huge length', post('Content-Length: 99999999999999999999999')],
    ['a space before the colon', post('Content-Length : 5')],
    ['a first line that is indented', `GET /a HTTP/1.1\r\n X: 1\r\nHost: acme.localhost\r\n\r\n`],
    ['a line without a colon', get('Nonsense')],
    ['an empty name', get(': value')],
    ['a folded line', get('X-Note: one', ' two')],
    ['a line that ends in a bare CR', `GET /a HTTP/1.1\r\nHost: acme.localhost\r\nX: 1\rY: 2\r\n\r\n`],
    ['a line that ends in a bare LF', `GET /a HTTP/1.1\nHost: acme.localhost\n\n`],
    ['a NUL in a value', get('X-Note: a\0b')],
    ['an unknown coding', post('Transfer-Encoding: xchunked')],
    ['chunked followed by identity', post('Transfer-Encoding: chunked, identity')],
    ['chunked with a parameter', post('Transfer-Encoding: chunked;q=1')],
    ['chunked behind a vertical tab', post('Transfer-Encoding: \x0bchunked')],
    ['chunked twice in one line', post('Transfer-Encoding: chunked, chunked')],
    ['chunked on two lines', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['gzip and chunked', post('Transfer-Encoding: gzip, chunked')],
    ['an empty coding', post('Transfer-Encoding: ')],
    [
      'chunked in HTTP/1.0',
      'POST /a HTTP/1.0\r\nHost: acme.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['HTTP/0.9', 'GET /a\r\n\r\n'],
    ['HTTP/1.2', 'GET /a HTTP/1.2\r\nHost: acme.localhost\r\n\r\n'],
    ['HTTP/3.0', 'GET /a HTTP/3.0\r\nHost: acme.localhost\r\n\r\n'],
    ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s', async (_name, bytes) => {
    const before = door.seen();

    const answer = await sendRaw(door.port, bytes);

    expect([0, 400, 501, 505]).toContain(statusOf(answer));
    expect(door.seen()).toBe(before);
  });

  test.each([
    ['length and chunked at once', ['Content-Length', '5', 'Transfer-Encoding', 'chunked']],
    ['two equal lengths', ['Content-Length', '5', 'content-length', '5']],
    ['a list of lengths', ['Content-Length', '5, 5']],
    ['a signed length', ['Content-Length', '+5']],
    ['a length with an exponent', ['Content-Length', '5e3']],
    ['a length beyond what a number can hold', ['Content-Length', '9999999999999999']],
    ['gzip and chunked', ['Transfer-Encoding', 'gzip, chunked']],
    ['identity', ['Transfer-Encoding', 'identity']],
    ['a control character in a value', ['X-Note', 'a\u0001b']],
    ['a line feed in a value', ['X-Note', 'a\nX-Tenant-Id: globex']],
  ])('%s, even where the parser in front were lax', (_name, lines) => {
    expect(outcomeOf(admit, { method: 'POST', headers: withHeaders(...lines) })).toBe('request_malformed');
  });
});

describe('a request that is framed well arrives', () => {
  test.each([
    ['no body', get()],
    ['a length', 'POST /a HTTP/1.1\r\nHost: acme.localhost\r\nContent-Length: 2\r\n\r\n{}'],
    ['chunks', post('Transfer-Encoding: chunked')],
    ['chunks in capitals', post('Transfer-Encoding: CHUNKED')],
    ['HTTP/1.0 without a host', 'GET /a HTTP/1.0\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const before = door.seen();

    const answer = await sendRaw(door.port, bytes);

    expect(statusOf(answer)).toBe(200);
    expect(door.seen()).toBe(before + 1);
  });
});

describe('expectations', () => {
  test.each([['100-continue'], ['100-Continue']])('%s is met here and does not go on', (value) => {
    const { headers } = arriveAt(admit, {
      method: 'POST',
      headers: withHeaders('Expect', value, 'Content-Length', '5'),
    });

    expect(headers).toEqual(['Content-Length', '5', 'Via', '1.1 banyan']);
  });

  test.each([['200-ok'], ['100-continue, 200-ok'], ['']])('any other one (%p) cannot be met', (value) => {
    expect(outcomeOf(admit, { headers: withHeaders('Expect', value) })).toBe('expectation_failed');
  });
});

describe('methods', () => {
  test.each([['TRACE'], ['trace'], ['CONNECT']])('%s is refused', (method) => {
    expect(outcomeOf(admit, { method })).toBe('method_refused');
  });

  test.each([
    ['GET'],
    ['HEAD'],
    ['POST'],
    ['PUT'],
    ['PATCH'],
    ['DELETE'],
    ['OPTIONS'],
    ['PROPFIND'],
    ['QUERY'],
  ])('%s goes on', (method) => {
    expect(outcomeOf(admit, { method })).toBe('arrived');
  });
});

describe('size', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => [`X-N${i}`, '1']).flat();

  test('198 headers beside Host arrive', () => {
    expect(outcomeOf(admit, { headers: withHeaders(...many(198)) })).toBe('arrived');
  });

  test('a head that reaches 200 headers is refused, for it may be a cut one', () => {
    expect(outcomeOf(admit, { headers: withHeaders(...many(199)) })).toBe('headers_too_large');
  });

  test('a framing header behind a thousand others is not overlooked', async () => {
    const lines = Array.from({ length: 1_000 }, (_, i) => `N${i}: 1`);

    const answer = await sendRaw(door.port, post(...lines, 'Transfer-Encoding: chunked'));

    expect(statusOf(answer)).toBe(431);
  });

  test('a head over 16 KiB is refused', () => {
    expect(outcomeOf(admit, { headers: withHeaders('X-Big', 'x'.repeat(16 * 1024)) })).toBe(
      'headers_too_large',
    );
  });

  test('a target of exactly 16 KiB arrives, one byte more is too long', () => {
    expect(outcomeOf(admit, { url: `/${'a'.repeat(16 * 1024 - 1)}` })).toBe('arrived');
    expect(outcomeOf(admit, { url: `/${'a'.repeat(16 * 1024)}` })).toBe('target_too_long');
  });
});
