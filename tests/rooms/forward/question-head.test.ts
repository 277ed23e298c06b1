import { describe, expect, test } from '@jest/globals';
import { UnsendableQuestion } from '../../../src/forward/legacy-failure.ts';
import { type QuestionWords, writeQuestion } from '../../../src/forward/question-head.ts';

const WORDS: QuestionWords = {
  method: 'GET',
  target: '/a?b=%20&b',
  host: 'acme.example:8080',
  headers: ['X-Odd', 'a\xff\t~', 'x-odd', '', 'Content-Length', '0'],
  identity: { ofRequest: ['X-Request-Id', 'r-1'], standing: ['X-Tenant-Id', 'acme'] },
  body: 'none',
  connection: 'keep-alive',
};
const write = (words: Partial<QuestionWords> = {}) => writeQuestion({ ...WORDS, ...words });

test('lines keep their case, order and repeats; host is the first, and the length of nothing is left out', () => {
  expect(write()).toBe(
    'GET /a?b=%20&b HTTP/1.1\r\nhost: acme.example:8080\r\nX-Odd: a\xff\t~\r\nx-odd: \r\nX-Request-Id: r-1\r\nX-Tenant-Id: acme\r\nconnection: keep-alive\r\n\r\n',
  );
});

test('of one form the client’s lines are kept: the first ones, since a form has no others', () => {
  const form = { method: 'GET' };

  expect(write({ form })).toBe(write());
  expect(write({ form, headers: [] })).toBe(write());
  expect(write({ form: { method: 'GET' }, headers: [] })).toBe(write({ headers: [] }));
});

test('of a form, what stands of its caller is kept for as long as it is the same list, and what is of one request never', () => {
  const form = { method: 'GET' };
  const [acme, globex] = [
    ['X-Tenant-Id', 'acme'],
    ['X-Tenant-Id', 'globex'],
  ];
  for (const standing of [acme, globex, acme])
    for (const ofRequest of [['X-Request-Id', 'r-1'], ['X-Request-Id', 'r-2'], []]) {
      const words = { target: '/b', identity: { ofRequest, standing } };
      expect(write({ form, ...words })).toBe(write(words));
    }
});

test.each([
  ['of the request', { ofRequest: ['X', 'a\r\nb'], standing: [] }],
  ['of the caller', { ofRequest: [], standing: ['X', 'a\r\nb'] }],
])('what the gateway itself says %s is judged as all else, each time', (_what, identity) => {
  const form = { method: 'GET' };
  for (const words of [{ identity }, { identity, form }, { identity, form }])
    expect(() => write(words)).toThrow(UnsendableQuestion);
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
