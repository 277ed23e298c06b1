import { describe, expect, test } from '@jest/globals';
import { UnsendableQuestion } from '../../../src/forward/legacy-failure.ts';
import { type QuestionWords, writeQuestion } from '../../../src/forward/question-head.ts';

const WORDS: QuestionWords = {
  method: 'GET',
  target: '/a?b=%20&b',
  host: 'acme.example:8080',
  headers: ['X-Odd', 'a\xff\t~', 'x-odd', '', 'Content-Length', '0'],
  identity: ['X-Tenant-Id', 'acme'],
  body: 'none',
  connection: 'keep-alive',
};
const write = (words: Partial<QuestionWords> = {}) => writeQuestion({ ...WORDS, ...words });

test('lines keep their case, order and repeats; host is the first, and the length of nothing is left out', () => {
  expect(write()).toBe(
    'GET /a?b=%20&b HTTP/1.1\r\nhost: acme.example:8080\r\nconnection: keep-alive\r\nX-Odd: a\xff\t~\r\nx-odd: \r\nX-Tenant-Id: acme\r\n\r\n',
  );
});

test('of one form only the client’s lines are kept: the first ones, since a form has no others', () => {
  const form = { method: 'GET' };

  expect(write({ form })).toBe(write());
  expect(write({ form, target: '/b', identity: ['X-Tenant-Id', 'globex'] })).toBe(
    write({ target: '/b', identity: ['X-Tenant-Id', 'globex'] }),
  );
  expect(write({ form, headers: [] })).toBe(write());
  expect(write({ form: { method: 'GET' }, headers: [] })).toBe(write({ headers: [] }));
  expect(() => write({ form, identity: ['X', 'a\r\nb'] })).toThrow(UnsendableQuestion);
});

test('a form whose lines cannot be sent is refused each time', () => {
  const form = { method: 'GET' };
  for (let time = 0; time < 2; time += 1)
    expect(() => write({ form, headers: ['X', 'a\nb'] })).toThrow(UnsendableQuestion);
});

test.each([
  ['POST', 'none', 'content-length: 0'],
  ['PUT', 'none', 'content-length: 0'],
  ['PATCH', 'none', 'content-length: 0'],
  ['POST', 12, 'content-length: 12'],
  ['POST', 'chunked', 'transfer-encoding: chunked'],
  ['DELETE', 12, 'content-length: 12'],
  ['DELETE', 'none', undefined],
  ['HEAD', 'none', undefined],
  ['OPTIONS', 'none', undefined],
] as const)('%s with %s says of its body: %s', (method, body, line) => {
  const framing = write({ method, body })
    .split('\r\n')
    .filter((each) => /^(content-length|transfer-encoding):/i.test(each));
  expect(framing).toEqual(line === undefined ? [] : [line]);
});

describe('nothing is written that could end its line or its head', () => {
  const CASES: [string, Partial<QuestionWords>][] = [
    ['a target', { target: '/a HTTP/1.1\r\nX: y' }],
    ['a target with a space', { target: '/a b' }],
    ['a target beyond bytes', { target: '/\u0141' }],
    ['no target', { target: '' }],
    ['a method', { method: 'GET /x' }],
    ['a host', { host: 'a\r\nX: y' }],
    ['a name', { headers: ['X: y\r\nX', 'a'] }],
    ['a name beyond bytes', { headers: ['\u0141', 'a'] }],
    ['no name', { headers: ['', 'a'] }],
    ['a value with CR', { headers: ['X', 'a\rb'] }],
    ['a value with LF', { headers: ['X', 'a\nb'] }],
    ['a value with NUL', { headers: ['X', 'a\0b'] }],
    ['a value beyond bytes', { headers: ['X', '\u0141'] }],
    ['a value of the gateway', { identity: ['X', 'a\r\nb'] }],
    ...['Host', 'Connection', 'Keep-Alive', 'Transfer-Encoding', 'Upgrade', 'Expect'].map(
      (name): [string, Partial<QuestionWords>] => [
        `${name}, which is the connection's`,
        { headers: [name, 'a'] },
      ],
    ),
  ];
  test.each(CASES)('%s', (_what, words) => {
    expect(() => write(words)).toThrow(UnsendableQuestion);
  });
});
