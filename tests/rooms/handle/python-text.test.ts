import { describe, expect, test } from '@jest/globals';
import { float, jsonb, renderJson, time } from '../../../src/handle/wire/json-text.ts';
import { parseJson } from '../../../src/handle/wire/python-json.ts';
import { reprFloat, roundToFourPlaces } from '../../../src/handle/wire/python-text.ts';
import { decodeUtf8 } from '../../../src/handle/wire/utf8.ts';

// The right-hand sides were written by CPython 3.11.
describe('floats are written as repr writes them', () => {
  test.each([
    [1, '1.0'],
    [0.7, '0.7'],
    [-0, '-0.0'],
    [1e-5, '1e-05'],
    [0.0001, '0.0001'],
    [1.5e-7, '1.5e-07'],
    [1e16, '1e+16'],
    [9007199254740992, '9007199254740992.0'],
    [123456789012345680, '1.2345678901234568e+17'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [5e-324, '5e-324'],
    [0.1 + 0.2, '0.30000000000000004'],
  ])('%d', (value, text) => expect(reprFloat(value)).toBe(text));
});

test.each([
  [0.03125, 0.0312],
  [0.09375, 0.0938],
  [-0.03125, -0.0312],
  [0.70005, 0.7],
  [2.675, 2.675],
  [1 / 3, 0.3333],
  [120_000_000_006_457.28, 120_000_000_006_457.28],
  [-120_000_000_006_457.28, -120_000_000_006_457.28],
  [1e22, 1e22],
])('round(%d, 4) is %d', (value, rounded) => expect(roundToFourPlaces(value)).toBe(rounded));

describe('a JSON text is refused in the words of the json module', () => {
  test.each([
    ['', 'Expecting value: line 1 column 1 (char 0)'],
    ['{', 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'],
    ['{"a"}', "Expecting ':' delimiter: line 1 column 5 (char 4)"],
    ['{"a":1 "b":2}', "Expecting ',' delimiter: line 1 column 8 (char 7)"],
    ['[1,]', 'Expecting value: line 1 column 4 (char 3)'],
    ['"abc', 'Unterminated string starting at: line 1 column 1 (char 0)'],
    ['"a\nb"', 'Invalid control character at: line 1 column 3 (char 2)'],
    ['"\\q"', 'Invalid \\escape: line 1 column 2 (char 1)'],
    ['"\\u12x4"', 'Invalid \\uXXXX escape: line 1 column 3 (char 2)'],
    ['01', 'Extra data: line 1 column 2 (char 1)'],
    ['["😀", x]', 'Expecting value: line 1 column 7 (char 6)'],
    ['[\n1,\n  é]', 'Expecting value: line 3 column 3 (char 7)'],
    ['-Infinity', "Out of range float values are not JSON compliant: '-Infinity'"],
    ['\ufeff1', 'Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)'],
    ['['.repeat(65), 'Too deeply nested'],
  ])('%j', (text, words) => expect(() => parseJson(text)).toThrow(words));
});

test('a JSON text keeps what JavaScript would lose: number forms, odd keys, the text itself', () => {
  const value = parseJson('{"__proto__":1.0,"a":[1e5,12345678901234567890],"a":[2]}');
  expect(value.type === 'dict' && [...value.entries.keys()]).toEqual(['__proto__', 'a']);
  expect(value.type === 'dict' && value.entries.get('__proto__')).toEqual({
    type: 'float',
    value: 1,
    raw: '1.0',
  });
  expect(value.type === 'dict' && value.entries.get('a')?.raw).toBe('[2]');
});

describe('bytes that are no UTF-8 are refused in the words of the codec', () => {
  test.each([
    ['61ff', "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte"],
    ['c328', "'utf-8' codec can't decode byte 0xc3 in position 0: invalid continuation byte"],
    ['e28228', "'utf-8' codec can't decode bytes in position 0-1: invalid continuation byte"],
    ['41e282', "'utf-8' codec can't decode bytes in position 1-2: unexpected end of data"],
    ['eda080', "'utf-8' codec can't decode byte 0xed in position 0: invalid continuation byte"],
    ['f4908080', "'utf-8' codec can't decode byte 0xf4 in position 0: invalid continuation byte"],
  ])('%s', (hex, words) => expect(() => decodeUtf8(Buffer.from(hex, 'hex'))).toThrow(words));
});

test('values are rendered without spaces, with the two line separators escaped', () => {
  const value = {
    a: 'é\u2028\u2029"',
    b: [null, true, 1n],
    c: float(2),
    d: jsonb('{"x, y": [1, 2.50], "\\"": " : "}'),
  };
  expect(renderJson(value)).toBe(
    '{"a":"é\\u2028\\u2029\\"","b":[null,true,1],"c":2.0,"d":{"x, y":[1,2.50],"\\"":" : "}}',
  );
});

test('times have six digits of a second or none, and end in Z', () => {
  expect(time('2026-01-05T09:30:00+00:00')).toBe('2026-01-05T09:30:00Z');
  expect(time('2026-01-05 09:30:00.5+00')).toBe('2026-01-05T09:30:00.500000Z');
  expect(time('2026-01-05T09:30:00.000001+00:00')).toBe('2026-01-05T09:30:00.000001Z');
  expect(() => time('infinity')).toThrow('A stored time cannot be read.');
});
