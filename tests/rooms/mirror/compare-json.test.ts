import { describe, expect, test } from '@jest/globals';
import { readJson } from '../../../src/mirror/compare/index.ts';
import { compareJson, findDifferences, tellJson, tellValues } from './compare-answers.ts';

const BOUNDS = { depth: 64, nodes: 1_000 };
const tellText = (legacy: string, fresh: string) => tellValues(compareJson(legacy, fresh));

describe('a difference is told at its path, by its kind, with both values', () => {
  test.each([
    ['a field that is lacking', '{"a":1,"b":2}', '{"a":1}', ['missing /b: 2 → (absent)']],
    ['a field too many', '{"a":1}', '{"a":1,"b":[]}', ['extra /b: (absent) → []']],
    ['null for a text', '{"a":"x"}', '{"a":null}', ['type /a: "x" → null']],
    ['null for a missing field', '{}', '{"a":null}', ['extra /a: (absent) → null']],
    ['a missing field for null', '{"a":null}', '{}', ['missing /a: null → (absent)']],
    ['a text for a number', '{"a":"1"}', '{"a":1}', ['type /a: "1" → 1']],
    ['a list for an object', '{"a":{}}', '{"a":[]}', ['type /a: {} → []']],
    ['another text', '{"a":"x"}', '{"a":"y"}', ['value /a: "x" → "y"']],
    ['another truth', '{"a":true}', '{"a":false}', ['value /a: true → false']],
    ['another number', '{"a":10}', '{"a":11}', ['value /a: 10 → 11']],
    ['deep inside', '{"a":{"b":[{"c":1}]}}', '{"a":{"b":[{"c":2}]}}', ['value /a/b/*/c: 1 → 2']],
    [
      'several',
      '{"a":1,"b":1,"c":1}',
      '{"a":2,"c":"1"}',
      ['value /a: 1 → 2', 'missing /b: 1 → (absent)', 'type /c: 1 → "1"'],
    ],
    ['the whole document', '1', '2', ['value body: 1 → 2']],
    ['the type of the whole document', '[]', '{}', ['type body: [] → {}']],
    ['a key with a slash and a tilde', '{"x":{"a-b":1}}', '{"x":{"a-b":2}}', ['value /x/a-b: 1 → 2']],
    ['dropped letters beyond ASCII', '{"a":"Zoë"}', '{"a":"Zo"}', ['value /a: "Zoë" → "Zo"']],
    [
      'another Unicode normal form',
      '{"a":"Zo\u00eb"}',
      '{"a":"Zoe\u0308"}',
      ['value /a: "Zo\u00eb" → "Zoe\u0308"'],
    ],
    [
      'an hour off',
      '{"t":"2026-01-05T09:30:00Z"}',
      '{"t":"2026-01-05T10:30:00Z"}',
      ['value /t: "2026-01-05T09:30:00Z" → "2026-01-05T10:30:00Z"'],
    ],
    [
      'the same moment, written otherwise',
      '{"t":"2026-01-05T09:30:00Z"}',
      '{"t":"2026-01-05T09:30:00+00:00"}',
      ['value /t: "2026-01-05T09:30:00Z" → "2026-01-05T09:30:00+00:00"'],
    ],
    [
      'a lost fraction',
      '{"t":"2026-01-05T09:30:00.123456Z"}',
      '{"t":"2026-01-05T09:30:00Z"}',
      ['value /t: "2026-01-05T09:30:00.123456Z" → "2026-01-05T09:30:00Z"'],
    ],
  ])('%s', (_, legacy, fresh, told) => expect(tellText(legacy, fresh)).toEqual(told));
});

describe('what says the same is the same', () => {
  test.each([
    ['keys in another order', '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}'],
    ['other spaces', '{"a":[1,2]}', ' {\n"a" : [ 1,\t2 ] }\r\n'],
    ['other escapes', '{"a":"é/\u2028"}', '{"\\u0061":"\\u00e9\\/\\u2028"}'],
    ['a pair of surrogates, escaped and not', '{"a":"😀"}', '{"a":"\\ud83d\\ude00"}'],
    ['a null byte, escaped', '{"a":"\\u0000"}', '{ "a":"\\u0000"}'],
  ])('%s', (_, legacy, fresh) => expect(tellJson(legacy, fresh)).toEqual(['same']));
});

describe('numbers are compared as they are written', () => {
  test.each([
    ['1.0', '1', 'precision'],
    ['0.10', '0.1', 'precision'],
    ['1e2', '100', 'precision'],
    ['1E+2', '1e2', 'precision'],
    ['-0', '0', 'precision'],
    ['-0.0', '0.0', 'precision'],
    ['0.30000000000000004', '0.3', 'precision'],
    ['9007199254740993', '9007199254740992', 'precision'],
    ['12345678901234567890', '12345678901234567000', 'precision'],
    ['"0.0100"', '"0.01"', 'precision'],
    ['"0.1"', '"0.10000000000000001"', 'precision'],
    ['1.0000000001', '1', 'precision'],
    ['1.00000001', '1', 'value'],
    ['9007199254740993', '9007199254740995', 'value'],
    ['1000000001', '1000000002', 'value'],
    ['0', '1e-300', 'value'],
    ['1', '-1', 'value'],
    ['1e400', '1e401', 'value'],
    ['1e400', '10e399', 'precision'],
    ['1e999999999', '1e999999998', 'value'],
    ['"007"', '"7"', 'value'],
    ['"1.10"', '"1.1"', 'precision'],
    ['"+1"', '"1"', 'value'],
    ['"1."', '"1"', 'value'],
    ['0.5', '"0.5"', 'type'],
  ])('%s and %s: %s', (legacy, fresh, kind) => {
    expect(tellJson(`{"n":${legacy}}`, `{"n":${fresh}}`)).toEqual([`${kind} /n`]);
    expect(tellJson(`{"n":${fresh}}`, `{"n":${legacy}}`)).toEqual([`${kind} /n`]);
  });

  test.each(['9007199254740993', '1.0', '1e400', '-0', '0.1e-7', '123456789012345678901234567890'])(
    'row-109-noise-and-numbers: %s survives with every digit',
    (text) => expect(tellText(`[${text},1]`, `[${text},2]`)).toEqual(['value /*: 1 → 2']),
  );

  test('a number of a million digits is compared as text, in little time', () => {
    const digits = '7'.repeat(1_000_000);
    expect(tellJson(`[${digits}1]`, `[${digits}2]`)).toEqual(['value /*']);
  });
});

describe('keys are data', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length'])(
    'row-109-noise-and-numbers: %s',
    (key) => {
      expect(tellJson(`{"${key}":{"x":1}}`, `{"${key}":{"x":2}}`)).toEqual([`value /${key}/x`]);
      expect(tellJson(`{"${key}":1}`, '{}')).toEqual([`missing /${key}`]);
      expect(tellJson('{}', `{"${key}":1}`)).toEqual([`extra /${key}`]);
      expect(({} as Record<string, unknown>).x).toBeUndefined();
    },
  );

  test('row-109-noise-and-numbers: a key that comes twice is two values, never one', () => {
    expect(tellText('{"a":1,"a":2}', '{"a":1}')).toEqual(['missing /a: 2 → (absent)']);
    expect(tellText('{"a":1,"a":2}', '{"a":2}')).toEqual(['value /a: 1 → 2', 'missing /a: 2 → (absent)']);
    expect(tellText('{"a":1}', '{"a":1,"a":1}')).toEqual(['extra /a: (absent) → 1']);
    expect(tellText('{"a":1,"a":2}', '{"a":1,"a":3}')).toEqual(['value /a: 2 → 3']);
    expect(tellJson('{"a":1,"b":0,"a":2}', '{"a":1,"a":2,"b":0}')).toEqual(['same']);
  });

  test.each([
    ['an e-mail address', 'ada@acme.example'],
    ['an id', '41'],
    ['a date', '2026-01-05'],
    ['a UUID', '0d9f8f8e-6f0a-4a8e-9f0e-2d1c3b4a5968'],
    ['a name with a space', 'Ada Lovelace'],
    ['letters beyond ASCII', 'Zoë'],
    ['a path', 'a/b~c'],
    ['a password', 'Tr0ub4dor3x'],
    ['a key of a service', 'AKIAIOSFODNN7EXAMPLE'],
    ['a password in two words', 'hunter2-hunter2'],
    ['a name with a year', 'AdaLovelace1815'],
    ['a long word', 'xkqjzvwpqrmnbtyhgfdsaqwertyuiop'],
    ['a long text', 'a_'.repeat(40)],
    ['nothing', ''],
  ])('%s as a key is told as *', (_, key) => {
    expect(tellJson({ by: { [key]: 1 } }, { by: { [key]: 2 } })).toEqual(['value /by/*']);
  });

  test.each([
    'created_at',
    'messages_per_day',
    'sha256',
    'Content-Type',
    '$ref',
    '@id',
    '_links',
    'fooBarBaz',
    'line_2',
  ])('%s is a name and is told as it is', (key) =>
    expect(tellJson({ [key]: 1 }, { [key]: 2 })).toEqual([`value /${key}`]),
  );

  test('all keys of a large map are one place', () => {
    const map = (value: number) =>
      Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`name_${'abcdefghij'[i % 10]}${i}`, value]));
    const found = findDifferences(compareJson({ map: map(1) }, { map: map(2) }));
    expect(found.map(({ path, count }) => [path, count])).toEqual([['/map/*', 65]]);
  });
});

describe('a text that is no JSON is not read as JSON', () => {
  test.each([
    ['nothing', ''],
    ['space', '  '],
    ['something behind the end', '{} {}'],
    ['a comma too many', '[1,]'],
    ['a comma too few', '[1 2]'],
    ['NaN', 'NaN'],
    ['Infinity', '[Infinity]'],
    ['minus infinity', '-Infinity'],
    ['a plus', '+1'],
    ['a leading zero', '01'],
    ['a bare point', '1.'],
    ['a bare exponent', '1e'],
    ['a bare minus', '-'],
    ['hexadecimal', '0x10'],
    ['single quotes', "{'a':1}"],
    ['a key without quotes', '{a:1}'],
    ['a key that is a number', '{1:1}'],
    ['no colon', '{"a" 1}'],
    ['no value', '{"a":}'],
    ['an open object', '{"a":1'],
    ['an open list', '[1'],
    ['an open text', '"a'],
    ['an open escape', '"\\'],
    ['an unknown escape', '"\\x41"'],
    ['half an escape', '"\\u12"'],
    ['a line break in a text', '"a\nb"'],
    ['a lone surrogate', '"\\ud800"'],
    ['a lone low surrogate', '"\\udc00x"'],
    ['a lone surrogate as a key', '{"\\ud800":1}'],
    ['a byte order mark', '\ufeff{}'],
    ['a comment', '/**/1'],
    ['True', 'True'],
    ['nul', 'nul'],
    ['a vertical tab', '\u000b1'],
  ])('%s', (_, text) => {
    expect(readJson(text, BOUNDS)).toEqual({ kind: 'not_json' });
  });

  test.each([
    ['no JSON on the new side', '{"a":1}', '{"a":1', ['type body']],
    ['no JSON on either side', '{"a":1', '{"a":2', ['value body']],
    ['the same text that is no JSON', '{"a":NaN}', '{"a":NaN}', ['same']],
    ['a byte order mark', '{}', '\ufeff{}', ['type body']],
    ['NaN for null', '{"a":null}', '{"a":NaN}', ['type body']],
    ['nothing for something', '{"a":1}', '', ['missing body']],
    ['something for nothing', '', '{"a":1}', ['extra body']],
  ])('%s is told at the body', (_, legacy, fresh, told) => expect(tellJson(legacy, fresh)).toEqual(told));

  test('bytes that are no UTF-8 are compared as bytes', () => {
    const broken = Buffer.from([0x22, 0xff, 0x22]);
    expect(tellJson(broken, '"ÿ"')).toEqual(['type body']);
    expect(tellJson(broken, Buffer.from([0x22, 0xfe, 0x22]))).toEqual(['value body']);
    // An overlong slash and an encoded surrogate are no UTF-8 either.
    expect(tellJson(Buffer.from([0x22, 0xc0, 0xaf, 0x22]), '"/"')).toEqual(['type body']);
    expect(tellJson(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), '"x"')).toEqual(['type body']);
  });
});

describe('bounds', () => {
  const nest = (depth: number, core: string) => `${'['.repeat(depth)}${core}${']'.repeat(depth)}`;

  test('64 levels are read, one more is too complex', () => {
    expect(tellJson(nest(64, '1'), nest(64, '2'))).toEqual([`value ${'/*'.repeat(64)}`]);
    expect(tellJson(nest(65, '1'), nest(65, '2'))).toEqual(['not_compared: too_complex']);
    expect(tellJson(nest(65, '1'), nest(65, '1'))).toEqual(['same']);
  });

  test('too many values are too complex, unless the bytes are equal', () => {
    const list = (last: number) => JSON.stringify([...new Array(99).fill(0), last]);
    expect(tellJson(list(1), list(2), { bounds: { nodes: 100 } })).toEqual(['not_compared: too_complex']);
    expect(tellJson(list(1), list(2), { bounds: { nodes: 101 } })).toEqual(['value /*']);
    expect(tellJson(list(1), list(1), { bounds: { nodes: 100 } })).toEqual(['same']);
  });

  test('at most 50 different differences are told, in the order of the document', () => {
    const record = (value: number) =>
      Object.fromEntries(
        Array.from({ length: 60 }, (_, i) => [
          `f${'abcdefghijklmnopqrst'[i % 20]}${Math.floor(i / 20)}`,
          value,
        ]),
      );
    const told = tellJson(record(1), record(2));
    expect(told).toHaveLength(50);
    expect(told[0]).toBe('value /fa0');
  });

  test('differences at one path, of one kind, between the same types are one, with a count', () => {
    const found = findDifferences(
      compareJson([{ a: 1 }, { a: 2 }, { a: 3 }], [{ a: 'x' }, { a: null }, { a: 'y' }]),
    );
    expect(
      found.map(({ path, kind, count, legacy, new: fresh }) => [path, kind, count, legacy.type, fresh.type]),
    ).toEqual([
      ['/*/a', 'type', 2, 'number', 'string'],
      ['/*/a', 'type', 1, 'number', 'null'],
    ]);
  });
});
