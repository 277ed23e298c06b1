import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import {
  answer,
  compareAnswers,
  findDifferences,
  type PairWish,
  tell,
  tellValues,
} from './compare-answers.ts';

type Body = string | Uint8Array;
const tellAs = (type: string, legacy: Body, fresh: Body, wish: PairWish = {}) =>
  tellValues(compareAnswers(answer({ type, body: legacy }), answer({ type, body: fresh }), wish));

describe('each type is compared in its own way', () => {
  test.each([
    ['application/json', '{"a":1}', '{ "a":1}', 'same'],
    ['application/problem+json', '{"a":1}', '{ "a":1}', 'same'],
    ['application/json; charset=latin1', '{"a":1}', '{ "a":1}', 'same'],
    ['application/vnd.api+json', '{"a":1}', '{"a":2}', 'value /a: 1 → 2'],
    ['text/plain', 'a', 'b', 'value body: "a" → "b"'],
    ['text/csv', 'a,b\n1,2\n', 'a,b\n1,2', 'value body: "a,b\\n1,2\\n" → "a,b\\n1,2"'],
    ['text/plain', 'a', '', 'missing body: "a" → (absent)'],
    ['text/plain', '', 'a', 'extra body: (absent) → "a"'],
    ['text/xml', '<a/>', '<a></a>', 'value body: "<a/>" → "<a></a>"'],
  ])('%s', (type, legacy, fresh, told) => expect(tellAs(type, legacy, fresh)).toEqual([told]));

  test('everything else by length and hash', () => {
    const [found] = findDifferences(
      compareAnswers(
        answer({ type: 'image/png', body: Buffer.from([1, 2, 3]) }),
        answer({ type: 'image/png', body: Buffer.from([1, 2]) }),
      ),
    );
    expect(found).toMatchObject({
      path: 'body',
      kind: 'value',
      legacy: {
        type: 'bytes',
        length: 3,
        sha256: '039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81',
      },
      new: { type: 'bytes', length: 2 },
    });
    expect(tellAs('application/octet-stream', 'a', 'a')).toEqual(['same']);
    expect(
      tell(compareAnswers(answer({ type: undefined, body: 'a' }), answer({ type: undefined, body: 'b' }))),
    ).toEqual(['value body']);
  });

  test('a text in another charset, and one that is no UTF-8, are bytes', () => {
    const [found] = findDifferences(
      compareAnswers(
        answer({ type: 'text/plain; charset=latin1', body: Buffer.from([0xe9]) }),
        answer({ type: 'text/plain; charset=latin1', body: Buffer.from([0xe8]) }),
      ),
    );
    expect(found?.legacy.type).toBe('bytes');
    expect(tellAs('text/plain', Buffer.from([0xe9]), 'é')).toEqual([
      expect.stringMatching(/^type body: \(1 bytes.*→ "é"$/),
    ]);
  });

  test('another type is told at the header, and at the body only where the bytes differ', () => {
    const tellTypes = (legacyType: string, legacy: string, newType: string, fresh: string) =>
      tell(
        compareAnswers(answer({ type: legacyType, body: legacy }), answer({ type: newType, body: fresh })),
      );
    expect(tellTypes('application/json', '{}', 'text/plain', '{}')).toEqual(['value header:content-type']);
    expect(tellTypes('application/json', '{"a":1}', 'text/html', '<p>')).toEqual([
      'value header:content-type',
      'type body',
    ]);
    expect(tellTypes('text/html', '<p>a', 'text/plain', 'a')).toEqual([
      'value header:content-type',
      'value body',
    ]);
    expect(tellTypes('application/json', '{"a":1}', 'application/problem+json', '{"a":2}')).toEqual([
      'value header:content-type',
      'value /a',
    ]);
  });
});

describe('an event stream is a list of events', () => {
  const TYPE = 'text/event-stream';
  const word = (delta: string) => `data: {"id":1,"delta":"${delta}"}\n\n`;

  test.each([
    ['comments and line ends do not matter', ': hello\ndata: 1\n\n', 'data: 1\r\n\r\n: bye\r\n', ['same']],
    ['an event without a name is a message', 'event: message\ndata: 1\n\n', 'data: 1\n\n', ['same']],
    ['one space after the colon', 'data:1\n\n', 'data: 1\n\n', ['same']],
    ['JSON by what it says', 'data: {"a":1,"b":2}\n\n', 'data: {"b":2, "a":1}\n\n', ['same']],
    ['data on several lines', 'data: {"a":\ndata: 1}\n\n', 'data: {"a":1}\n\n', ['same']],
    ['one word', word('a') + word('b'), word('a') + word('c'), ['value /*/data/delta: "b" → "c"']],
    [
      'a word too many',
      word('a') + word('c'),
      word('a') + word('b') + word('c'),
      ['extra /*: (absent) → {"data":{"delta":"b","id":1},"event":"message"}'],
    ],
    ['words in another order', word('a') + word('b'), word('b') + word('a'), ['order body']],
    [
      'the end is lacking',
      `${word('a')}data: [DONE]\n\n`,
      word('a'),
      ['missing /*: {"data":"[DONE]","event":"message"} → (absent)'],
    ],
    [
      'an event without its empty line',
      `${word('a')}data: [DONE]\n\n`,
      `${word('a')}data: [DONE]\n`,
      ['missing /*: {"data":"[DONE]","event":"message"} → (absent)'],
    ],
    ['another name', 'event: a\ndata: x\n\n', 'event: b\ndata: x\n\n', ['value /*/event: "a" → "b"']],
    ['an id is lacking', 'id: 7\ndata: x\n\n', 'data: x\n\n', ['missing /*/id: "7" → (absent)']],
    ['another pause', 'retry: 10\ndata: x\n\n', 'retry: 20\ndata: x\n\n', ['value /*/retry: "10" → "20"']],
    ['text for JSON', 'data: {"a":1}\n\n', 'data: {"a":1\n\n', ['type /*/data: {"a":1} → "{\\"a\\":1"']],
    [
      'nothing',
      word('a'),
      '',
      ['missing body: [{"data":{"delta":"a","id":1},"event":"message"}] → (absent)'],
    ],
  ])('%s', (_, legacy, fresh, told) => {
    const lines = tellAs(TYPE, legacy, fresh).map((line) => line.replace(/^(order \w+):.*/, '$1'));
    expect(lines).toEqual(told);
  });

  test('rules reach into events', () => {
    expect(tellAs(TYPE, word('a'), word('b'), { rules: { ignore: ['/*/data/delta'] } })).toEqual(['same']);
  });

  test('too many events are too complex', () => {
    expect(tellAs(TYPE, word('a').repeat(40), word('b').repeat(40), { bounds: { nodes: 100 } })).toEqual([
      'not_compared: too_complex',
    ]);
  });
});

describe('a page is compared by its elements', () => {
  const TYPE = 'text/html; charset=utf-8';
  const page = (title: string, body: string) =>
    `\n<!doctype html>\n<html lang="en">\n<head>\n  <title>${title}</title>\n</head>\n<body>\n  ${body}\n</body>\n</html>\n`;

  test.each([
    ['space between tags', '<p>a</p><p>b</p>', '<p>a</p>\n\n  <p>b</p>', ['same']],
    ['space inside of text', '<p>a  b\nc</p>', '<p> a b c </p>', ['same']],
    [
      'attributes in another order and quotes',
      '<a href="/x" class=\'y\'>z</a>',
      '<A class=y href="/x" >z</a>',
      ['same'],
    ],
    ['other entities', '<p title="&#39;">&#x27;&amp;&quot;</p>', '<p title="&apos;">\'&amp;"</p>', ['same']],
    ['comments', '<p>a<!-- x > y --></p>', '<p>a</p>', ['same']],
    ['tags in capitals', '<P>a</P>', '<p>a</p>', ['same']],
    ['void elements', '<br><img src="x">', '<br/><img src="x"/>', ['same']],
    ['text behind a void element', '<p>a<br>b</p>', '<p>a<br>c</p>', ['value /html/body/p: "b" → "c"']],
    ['a text', '<h1>a</h1><p>b</p>', '<h1>a</h1><p>c</p>', ['value /html/body/p: "b" → "c"']],
    [
      'two texts',
      '<h1>a</h1><p>b</p>',
      '<h1>x</h1><p>y</p>',
      ['value /html/body/h1: "a" → "x"', 'value /html/body/p: "b" → "y"'],
    ],
    ['an attribute', '<a href="/x">z</a>', '<a href="/y">z</a>', ['value /html/body/a/@href: "/x" → "/y"']],
    [
      'an attribute is lacking',
      '<input disabled name="a">',
      '<input name="a">',
      ['missing /html/body/input/@disabled: "" → (absent)'],
    ],
    [
      'an element is lacking',
      '<div><b>a</b><i>b</i></div>',
      '<div><b>a</b></div>',
      ['missing /html/body/div: "<i>" → (absent)'],
    ],
    ['an element too many', '<ul></ul>', '<ul><li>a</li></ul>', ['extra /html/body/ul: (absent) → "<li>"']],
    ['another element', '<b>a</b>', '<i>a</i>', ['value /html/body: "<b>" → "<i>"']],
    ['a text is lacking', '<p>a</p>', '<p></p>', ['missing /html/body/p: "a" → (absent)']],
    ['space that counts', '<pre>a  b</pre>', '<pre>a b</pre>', ['value /html/body/pre: "a  b" → "a b"']],
    [
      'a script is text',
      '<script>if (a<b) "</p>"</script>',
      '<script>if (a<c) "</p>"</script>',
      ['value /html/body/script: "if (a<b) \\"</p>\\"" → "if (a<c) \\"</p>\\""'],
    ],
    ['a lone angle bracket', '<p>1 < 2</p>', '<p>1 < 3</p>', ['value /html/body/p: "2" → "3"']],
  ])('%s', (_, legacy, fresh, told) => {
    expect(tellAs(TYPE, page('t', legacy), page('t', fresh))).toEqual(told);
  });

  test('the title', () => {
    expect(tellAs(TYPE, page('Not Found', ''), page('Server Error (500)', ''))).toEqual([
      'value /html/head/title: "Not Found" → "Server Error (500)"',
    ]);
  });

  test('rules reach into pages', () => {
    const form = (token: string) =>
      page('t', `<form><input name="csrf" value="${token}"></form><p>${token}</p>`);
    const equal = [{ pointer: '/html/body/form/input/@value', format: 'token' as const }];
    expect(
      tellAs(TYPE, form('aaaa1111'), form('bbbb2222'), { rules: { equal, ignore: ['/html/body/p'] } }),
    ).toEqual(['same']);
    expect(
      tellAs(TYPE, page('t', '<nav><a>1</a></nav>x'), page('t', 'x'), {
        rules: { ignore: ['/html/body/nav'] },
      }),
    ).toEqual(['same']);
  });

  test('deep and endless pages are too complex, broken ones are compared', () => {
    expect(tellAs(TYPE, '<a>'.repeat(300), '<b>'.repeat(300))).toEqual(['not_compared: too_complex']);
    expect(tellAs(TYPE, '<p>a</p>'.repeat(100), '<p>b</p>'.repeat(100), { bounds: { nodes: 50 } })).toEqual([
      'not_compared: too_complex',
    ]);
    expect(tellAs(TYPE, '<p a="', '<p b="')).not.toEqual(['same']);
    expect(tellAs(TYPE, '</p></p><p>x', '<p>x')).toEqual(['same']);
    expect(tellAs(TYPE, '<!-- x', '<? y')).toEqual(['same']);
  });
});

describe('content codings are undone', () => {
  const json = Buffer.from('{"a":[1,2,3]}');
  const coded = (encoding: string | undefined, body: Uint8Array) =>
    answer({ headers: encoding === undefined ? [] : ['Content-Encoding', encoding], body });

  test.each([
    ['gzip', gzipSync(json), gzipSync(json, { level: 1 })],
    ['deflate', deflateSync(json), deflateRawSync(json)],
    ['br', brotliCompressSync(json), brotliCompressSync(Buffer.from('{ "a":[1,2,3]}'))],
    ['gzip, br', brotliCompressSync(gzipSync(json)), brotliCompressSync(gzipSync(json, { level: 1 }))],
    ['identity', json, json],
  ])('%s', (encoding, legacy, fresh) =>
    expect(tell(compareAnswers(coded(encoding, legacy), coded(encoding, fresh)))).toEqual(['same']),
  );

  test('the coding itself is a header', () => {
    expect(tell(compareAnswers(coded('gzip', gzipSync(json)), coded(undefined, json)))).toEqual([
      'missing header:content-encoding',
    ]);
    expect(
      tell(compareAnswers(coded('gzip', gzipSync(json)), coded('br', brotliCompressSync(json)))),
    ).toEqual(['value header:content-encoding']);
  });

  test('differences inside are told at their paths', () => {
    expect(
      tell(compareAnswers(coded('gzip', gzipSync(json)), coded('gzip', gzipSync('{"a":[1,2,4]}')))),
    ).toEqual(['value /a/*']);
  });

  test('what is not what it says, and what nobody knows, is bytes', () => {
    expect(tell(compareAnswers(coded('gzip', json), coded('gzip', gzipSync(json))))).toEqual(['type body']);
    expect(tell(compareAnswers(coded('zst?d', json), coded('zst?d', Buffer.from('x'))))).toEqual([
      'value body',
    ]);
    expect(
      tell(compareAnswers(coded('gzip', json.subarray(0, 5)), coded('gzip', json.subarray(0, 5)))),
    ).toEqual(['same']);
    const cut = gzipSync(json);
    expect(tell(compareAnswers(coded('gzip', cut.subarray(0, -4)), coded('gzip', cut)))).toEqual([
      'type body',
    ]);
  });

  test('a small body that holds a large one is too large, not read', () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    expect(tell(compareAnswers(coded('gzip', bomb), coded('gzip', gzipSync(json))))).toEqual([
      'not_compared: body_too_large',
    ]);
    expect(tell(compareAnswers(coded('gzip', bomb), coded('gzip', bomb)))).toEqual(['same']);
    const nested = coded('br, gzip, gzip, gzip', gzipSync(bomb));
    expect(tell(compareAnswers(nested, coded('br, gzip, gzip, gzip', json)))).toEqual(['value body']);
  });
});

describe('bodies that were not kept whole', () => {
  const larger = { ...answer(), body: { kind: 'larger' as const } };
  const broken = { ...answer(), body: { kind: 'broken' as const } };

  test('are not compared, and the reason is told', () => {
    expect(tell(compareAnswers(larger, larger))).toEqual(['not_compared: body_too_large']);
    expect(tell(compareAnswers(answer(), larger))).toEqual(['not_compared: body_too_large']);
    expect(tell(compareAnswers(broken, answer()))).toEqual(['not_compared: answer_broken']);
    expect(tell(compareAnswers(larger, broken))).toEqual(['not_compared: answer_broken']);
  });

  test('do not hide what differs elsewhere', () => {
    expect(tell(compareAnswers({ ...larger, status: 201 }, larger))).toEqual(['value status']);
    const rows = {
      legacy: [{ table: 't', change: 'insert' as const, key: '{"id":1}', row: '{"id":1}' }],
      new: [],
    };
    expect(tell(compareAnswers(larger, larger, { method: 'unsafe', rows }))).toEqual(['missing rows:t']);
  });
});
