import { describe, expect, test } from '@jest/globals';
import { type MirrorRules, VALUE_FORMATS, type ValueFormat } from '../../../src/vocabulary/index.ts';
import { answer, compareAnswers, tell, tellJson } from './compare-answers.ts';

const withRules = (legacy: object, fresh: object, rules: Partial<MirrorRules>) =>
  tellJson(legacy, fresh, { rules });

describe('ignore', () => {
  const legacy = {
    id: 1,
    meta: { took: 5, node: 'a' },
    items: [
      { id: 1, at: 'x' },
      { id: 2, at: 'y' },
    ],
  };
  const fresh = {
    id: 2,
    meta: { took: 7, node: 'b' },
    items: [
      { id: 1, at: 'z' },
      { id: 2, at: 'y' },
    ],
    extra: {},
  };

  test.each<[readonly string[], readonly string[]]>([
    [[], ['value /id', 'value /meta/took', 'value /meta/node', 'value /items/*/at', 'extra /extra']],
    [
      ['/id', '/extra'],
      ['value /meta/took', 'value /meta/node', 'value /items/*/at'],
    ],
    [['/meta'], ['value /id', 'value /items/*/at', 'extra /extra']],
    [['/meta/*'], ['value /id', 'value /items/*/at', 'extra /extra']],
    [['/*/took', '/items/*/at', '/id', '/extra'], ['value /meta/node']],
    [['/items', '/*'], ['same']],
    [['body'], ['same']],
    [
      ['/item', '/i', '/meta/too'],
      ['value /id', 'value /meta/took', 'value /meta/node', 'value /items/*/at', 'extra /extra'],
    ],
  ])('%j', (ignore, told) => expect(withRules(legacy, fresh, { ignore })).toEqual(told));

  test('what is lacking is ignored as well, and so is what is of another type', () => {
    expect(withRules({ a: 1, b: 1 }, { a: 'x' }, { ignore: ['/a', '/b'] })).toEqual(['same']);
  });

  test('a key with a slash is written as RFC 6901 says', () => {
    expect(withRules({ 'a/b~c': 1 }, { 'a/b~c': 2 }, { ignore: ['/a~1b~0c'] })).toEqual(['same']);
  });

  test('all items of a list: what comes and goes, and what changes place', () => {
    expect(withRules({ l: [1, 2, 3] }, { l: [5, 6] }, { ignore: ['/l/*'] })).toEqual(['same']);
  });

  test('an ignored field does not keep items from being found again', () => {
    const list = (...ids: number[]) =>
      ids.map((id, i) => ({ at: `${Math.sin(i + id * ids.length)}`, n: id }));
    expect(withRules(list(1, 2, 3), list(3, 1, 2), { ignore: ['/*/at'] })).toEqual(['order body']);
    expect(withRules(list(1, 2, 3), list(1, 9, 2, 3), { ignore: ['/*/at'] })).toEqual(['extra /*']);
  });

  test('status, headers and cookies', () => {
    const one = answer({ status: 200, headers: ['ETag', '"a"', 'Set-Cookie', 'a=1; Path=/'] });
    const other = answer({
      status: 500,
      headers: ['ETag', '"b"', 'Set-Cookie', 'a=1; Path=/x', 'Set-Cookie', 'b=2'],
    });
    const ignoring = (...ignore: string[]) => tell(compareAnswers(one, other, { rules: { ignore } }));
    expect(ignoring()).toEqual(['value status']);
    expect(ignoring('status')).toEqual(['value header:etag', 'value cookie:a;path', 'extra cookie:b']);
    expect(ignoring('status', 'header:ETag', 'cookie:a;path', 'cookie:b')).toEqual(['same']);
    expect(ignoring('status', 'header:*', 'cookie:*')).toEqual(['same']);
    expect(ignoring('status', 'header:etag', 'cookie:a', 'cookie:*;path')).toEqual(['extra cookie:b']);
  });

  test('an ignored body is not even read', () => {
    const deep = `${'['.repeat(100)}1${']'.repeat(100)}`;
    expect(tellJson(deep, '{', { rules: { ignore: ['body'] } })).toEqual(['same']);
    const large = { ...answer(), body: { kind: 'larger' as const } };
    expect(tell(compareAnswers(large, answer({ body: {} }), { rules: { ignore: ['body'] } }))).toEqual([
      'same',
    ]);
  });
});

describe('unordered', () => {
  const by = (list: string, name?: string) => ({ unordered: [{ list, by: name }] });

  test.each([
    ['without a name', { l: [1, 2, 3] }, { l: [3, 1, 2] }, by('/l'), ['same']],
    ['at the root', [1, 2], [2, 1], by('body'), ['same']],
    ['one more', { l: [1, 2] }, { l: [3, 2, 1] }, by('/l'), ['extra /l/*']],
    ['one said twice', { l: [1, 2] }, { l: [2, 1, 1] }, by('/l'), ['extra /l/*']],
    ['one other', { l: ['a', 'b'] }, { l: ['c', 'a'] }, by('/l'), ['missing /l/*', 'extra /l/*']],
    [
      'objects, one field changed',
      {
        l: [
          { a: 1, b: 1 },
          { a: 2, b: 2 },
        ],
      },
      {
        l: [
          { a: 2, b: 2 },
          { a: 1, b: 9 },
        ],
      },
      by('/l'),
      ['value /l/*/b'],
    ],
    [
      'by a key',
      {
        l: [
          { k: 'x', v: 1 },
          { k: 'y', v: 2 },
        ],
      },
      {
        l: [
          { k: 'y', v: 3 },
          { k: 'x', v: 1 },
        ],
      },
      by('/l', 'k'),
      ['value /l/*/v'],
    ],
    [
      'by a pointer',
      [
        { m: { k: 1 }, v: 1 },
        { m: { k: 2 }, v: 2 },
      ],
      [
        { m: { k: 2 }, v: 2 },
        { m: { k: 1 }, v: 0 },
      ],
      by('body', '/m/k'),
      ['value /*/v'],
    ],
    [
      'by a key that is lacking once',
      { l: [{ k: 1 }, { v: 1 }] },
      { l: [{ v: 2 }, { k: 1 }] },
      by('/l', 'k'),
      ['value /l/*/v'],
    ],
    [
      'by a key, one lost and one new',
      { l: [{ k: 1 }, { k: 2 }] },
      { l: [{ k: 3 }, { k: 1 }] },
      by('/l', 'k'),
      ['missing /l/*', 'extra /l/*'],
    ],
    [
      'two of one name',
      {
        l: [
          { k: 1, v: 1 },
          { k: 1, v: 2 },
        ],
      },
      {
        l: [
          { k: 1, v: 1 },
          { k: 1, v: 3 },
        ],
      },
      by('/l', 'k'),
      ['value /l/*/v'],
    ],
    [
      'inside each item',
      { l: [{ id: 1, t: [1, 2] }] },
      { l: [{ id: 1, t: [2, 1] }] },
      by('/l/*/t'),
      ['same'],
    ],
    [
      'inside, but not outside',
      [
        [1, 2],
        [3, 4],
      ],
      [
        [4, 3],
        [2, 1],
      ],
      by('/*'),
      ['order body'],
    ],
    [
      'only the list that is named',
      { l: [1, 2], m: [1, 2] },
      { l: [2, 1], m: [2, 1] },
      by('/l'),
      ['order /m'],
    ],
  ])('%s', (_, legacy, fresh, rules, told) => expect(withRules(legacy, fresh, rules)).toEqual(told));

  test('items that are only equal by other rules find each other', () => {
    const rules = { ...by('/l'), tolerance: [{ pointer: '/l/*/v', within: 0.1 }] };
    expect(withRules({ l: [{ v: 1 }, { v: 2 }] }, { l: [{ v: 2.05 }, { v: 1.05 }] }, rules)).toEqual([
      'same',
    ]);
  });
});

describe('tolerance', () => {
  test.each([
    ['1.0005', '1', 0.001, ['same']],
    ['1.001', '1', 0.001, ['same']],
    ['1.0011', '1', 0.001, ['value /n']],
    ['0.8', '0.7', 0.1, ['same']],
    ['0.7', '0.8', 0.1, ['same']],
    ['-1', '1', 2, ['same']],
    ['1e2', '101', 1, ['same']],
    ['9007199254740993', '9007199254740992', 0, ['precision /n']],
    ['9007199254740993', '9007199254740994', 1, ['same']],
    ['1e400', '1e400', 1, ['same']],
    ['1e999999', '1', 1, ['value /n']],
    ['1e-999999', '0', 1, ['same']],
    ['"0.0123"', '"0.0124"', 0.0001, ['same']],
    ['"0.0123"', '"0.0125"', 0.0001, ['value /n']],
    ['"a"', '"b"', 1, ['value /n']],
    ['1', '"1"', 1, ['type /n']],
    ['null', '0', 1, ['type /n']],
  ])('%s and %s within %d: %j', (legacy, fresh, within, told) => {
    const rules = { tolerance: [{ pointer: '/n', within }] };
    expect(tellJson(`{"n":${legacy}}`, `{"n":${fresh}}`, { rules })).toEqual(told);
  });

  test('for every item of a list', () => {
    const rules = { tolerance: [{ pointer: '/s/*', within: 1 }] };
    expect(withRules({ s: [1, 5, 9] }, { s: [2, 4, 9] }, rules)).toEqual(['same']);
    expect(withRules({ s: [1, 5, 9] }, { s: [2, 5, 20] }, rules)).toEqual(['value /s/*']);
  });
});

const UUID = '0d9f8f8e-6f0a-4a8e-9f0e-2d1c3b4a5968';
const OTHER_UUID = '1e0f8f8e-6f0a-4a8e-9f0e-2d1c3b4a5968';
const JSON_TEXT = (value: unknown) => JSON.stringify(value);

/** For each format: pairs that are equal by it, and pairs that are not. */
const EXAMPLES: Readonly<
  Record<
    ValueFormat,
    Readonly<{ equal: readonly [unknown, unknown][]; different: readonly [unknown, unknown][] }>
  >
> = {
  time: {
    equal: [
      ['2026-01-05T09:30:00Z', '2031-12-31T23:59:59Z'],
      ['2026-01-05T09:30:00.123456Z', '2026-01-05T09:30:01.654321Z'],
      ['2026-01-05T09:30:00.12345Z', '2026-01-05T09:30:01.654321Z'],
      ['2026-01-05 09:30:00', '2026-01-06 09:30:00'],
      ['2026-01-05T09:30:00+02:00', '2026-01-06T09:30:00+02:00'],
      ['Mon, 05 Jan 2026 09:30:00 GMT', 'Tue, 06 Jan 2026 09:30:00 GMT'],
      ['2024-02-29T00:00:00Z', '2026-01-05T09:30:00Z'],
    ],
    different: [
      ['2026-01-05T09:30:00Z', 'soon'],
      ['2026-01-05T09:30:00Z', '2026-01-05'],
      ['2026-01-05T09:30:00Z', ''],
      ['2026-01-05T09:30:00Z', null],
      ['2026-01-05T09:30:00Z', 1767605400],
      ['2026-01-05T09:30:00.123456Z', '2026-01-05T09:30:00Z'],
      ['2026-01-05T09:30:00.123456Z', '2026-01-05T09:30:00.123Z'],
      ['2026-01-05T09:30:00Z', '2026-01-05T10:30:00+01:00'],
      ['2026-01-05T09:30:00Z', '2026-01-05 09:30:00Z'],
      ['2026-01-05T09:30:00Z', '2026-01-05T09:30:00'],
      ['2026-01-05T09:30:00Z', '2026-02-30T09:30:00Z'],
      ['2026-01-05T09:30:00Z', '2026-13-01T09:30:00Z'],
      ['2026-01-05T09:30:00Z', '2026-01-05T24:30:00Z'],
      ['2026-01-05T09:30:00Z', '2026-01-05T09:60:00Z'],
      ['2026-01-05T09:30:00Z', 'Mon, 05 Jan 2026 09:30:00 GMT'],
    ],
  },
  date: {
    equal: [['2026-01-05', '2024-02-29']],
    different: [
      ['2026-01-05', '2026-02-30'],
      ['2026-01-05', '2026-1-5'],
      ['2026-01-05', '05.01.2026'],
      ['2026-01-05', '2026-01-05T00:00:00Z'],
      ['2026-01-05', null],
    ],
  },
  uuid: {
    equal: [
      [UUID, OTHER_UUID],
      [UUID, OTHER_UUID.toUpperCase()],
    ],
    different: [
      [UUID, UUID.replaceAll('-', '')],
      [UUID, `{${OTHER_UUID}}`],
      [UUID, UUID.slice(1)],
      [UUID, UUID.replace('0', 'g')],
      [UUID, 7],
    ],
  },
  token: {
    equal: [
      ['abc123def456ghi789jkl012mno345pq', 'zyx987wvu654tsr321qpo098nml765kj'],
      ['aB3dE6gH', 'zYxWvUtS'],
      ['h.p.s', 'a.b.c'],
      ['qrstuvwxyzqrstuvwxyzqrst-uvw', 'qrstuvwxyzqrstuvwxyzqrstxuvw'],
      ['ABCDEFabcdef012345678901234567+/', 'ABCDEFabcdef0123456789012345678x'],
      ['eyJ1IjoxfQ:1vKxyz:AbC_d', 'eyJ1IjoyfQ:1vKabc:ZyX-w'],
    ],
    different: [
      ['abc123', 'abc12'],
      ['abc123', ''],
      ['abc123', 'abc 12'],
      ['abc123', 'äbc123'],
      ['abc123', '123456'],
      ['a.b.c', 'abcde'],
      ['a-b+c', 'a/b_c'],
      ['abc-1', 'abc+1'],
      ['abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'],
      ['abcdefghijklmnopqrstuvwxyz', 'abcdefghijklmnopqrstuvwxyZ'],
      ['0123456789abcdef0123456789abcdef', '0123456789abcdefghijklmnopqrstuv'],
      ['abc123', null],
      ['abc123', 123456],
    ],
  },
  digits: {
    equal: [
      ['123456', '000001'],
      ['1', '22'],
      [7, 123],
    ],
    different: [
      ['123456', '12345a'],
      ['123456', ''],
      ['1', '-1'],
      ['1', '1.0'],
      ['1', 1],
      [1, -1],
      [1, 1.5],
      ['1', '١'],
    ],
  },
  number: {
    equal: [
      [1, 2.5],
      [-1, 1e9],
      ['0.0123', '7'],
    ],
    different: [
      ['0.1', '.1'],
      ['0.1', '0,1'],
      ['1', '01'],
      ['1', 'NaN'],
      ['1', ' 1'],
      ['1', 1],
      [1, null],
    ],
  },
  url: {
    equal: [
      ['https://a.example/x', 'http://b.example:8080/y?z#w'],
      ['/files/1', '/files/2?page=3'],
    ],
    different: [
      ['https://a.example/x', '/x'],
      ['https://a.example/x', 'a.example/x'],
      ['https://a.example/x', 'ftp://a.example/x'],
      ['https://a.example/x', 'javascript:alert(1)'],
      ['https://a.example/x', 'https://a.example/x y'],
      ['https://a.example/x', 'https://'],
      ['https://a.example/x', '//a.example/x'],
      ['https://a.example/x', null],
    ],
  },
  any: {
    equal: [
      ['a', 'b'],
      [1, 2],
      [true, false],
      [{ a: 1 }, { b: [] }],
      [[1, 2], []],
    ],
    different: [
      ['a', 1],
      ['a', null],
      [[], {}],
    ],
  },
};

describe.each(VALUE_FORMATS)('equal: %s', (format) => {
  const rules = { equal: [{ pointer: '/v', format }] };
  const ways = (pairs: readonly [unknown, unknown][]) =>
    pairs.flatMap(([one, other]) => [
      [one, other],
      [other, one],
    ]);

  test.each(ways(EXAMPLES[format].equal).map((pair) => pair.map(JSON_TEXT)))(
    '%s and %s are equal',
    (legacy, fresh) => {
      expect(tellJson(`{"v":${legacy}}`, `{"v":${fresh}}`, { rules })).toEqual(['same']);
    },
  );

  test.each(ways(EXAMPLES[format].different).map((pair) => pair.map(JSON_TEXT)))(
    '%s and %s are not',
    (legacy, fresh) => {
      const told = tellJson(`{"v":${legacy}}`, `{"v":${fresh}}`, { rules });
      expect(told).toHaveLength(1);
      expect(told[0]).toMatch(/^(?:value|type) \/v$/);
    },
  );

  test('equal values need no format, and one that is lacking is lacking', () => {
    expect(withRules({ v: 'what?' }, { v: 'what?' }, rules)).toEqual(['same']);
    expect(withRules({ v: 'x' }, {}, rules)).toEqual(['missing /v']);
  });
});

test('where neither value has the format they are compared as ever', () => {
  const rules = { equal: [{ pointer: '/v', format: 'uuid' as const }] };
  expect(withRules({ v: 'a' }, { v: 'b' }, rules)).toEqual(['value /v']);
  expect(withRules({ v: 1 }, { v: 1.5 }, rules)).toEqual(['value /v']);
});

test('a rule that names a step speaks before one that says *', () => {
  const rules = {
    equal: [
      { pointer: '/*', format: 'any' as const },
      { pointer: '/id', format: 'uuid' as const },
    ],
  };
  expect(withRules({ id: UUID, x: 1 }, { id: 'none', x: 2 }, rules)).toEqual(['value /id']);
});

test('formats hold for headers, cookies and texts inside lists', () => {
  const one = answer({
    headers: ['ETag', '"abc1"', 'Set-Cookie', 'csrf=aaaa1111'],
    body: { l: [{ id: UUID }] },
  });
  const other = answer({
    headers: ['ETag', '"xyz2"', 'Set-Cookie', 'csrf=bbbb2222'],
    body: { l: [{ id: OTHER_UUID }] },
  });
  const equal = [
    { pointer: 'header:etag', format: 'token' as const },
    { pointer: 'cookie:csrf', format: 'token' as const },
    { pointer: '/l/*/id', format: 'uuid' as const },
  ];
  expect(tell(compareAnswers(one, other))).toEqual([
    'value header:etag',
    'value cookie:csrf',
    'value /l/*/id',
  ]);
  expect(tell(compareAnswers(one, other, { rules: { equal } }))).toEqual(['same']);
});

test('a rule whose path names no place is no rule', () => {
  expect(withRules({ a: 1 }, { a: 2 }, { ignore: ['a', 'headers:etag', 'nonsense'] })).toEqual(['value /a']);
});
