import { describe, expect, test } from '@jest/globals';
import { roundHalfEven } from '../../../legacy-stub/views/dashboard.ts';
import {
  compactJsonb,
  parseJson,
  renderFloat,
  renderJson,
  renderTime,
} from '../../../legacy-stub/web/json.ts';

// What Python 3.11 says, taken down from it.
const MISTAKES: readonly (readonly [text: string, message: string])[] = [
  ['{"a":', 'Expecting value: line 1 column 6 (char 5)'],
  ['{"a" 1}', "Expecting ':' delimiter: line 1 column 6 (char 5)"],
  ['{"a":1,}', 'Expecting property name enclosed in double quotes: line 1 column 8 (char 7)'],
  ['[1 2]', "Expecting ',' delimiter: line 1 column 4 (char 3)"],
  ['[1,\n é]', 'Expecting value: line 2 column 2 (char 5)'],
  ['{} {}', 'Extra data: line 1 column 4 (char 3)'],
  ['"𝄞x', 'Unterminated string starting at: line 1 column 1 (char 0)'],
  ['["𝄞\t"]', 'Invalid control character at: line 1 column 4 (char 3)'],
  ['"\\x"', 'Invalid \\escape: line 1 column 2 (char 1)'],
  ['"\\u12"', 'Invalid \\uXXXX escape: line 1 column 3 (char 2)'],
  ['[NaN]', "Out of range float values are not JSON compliant: 'NaN'"],
  ['\ufeff{}', 'Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)'],
];

describe('mistakes in JSON are told in the words of Python', () => {
  test.each(MISTAKES)('%j', (text, message) => {
    expect(() => parseJson(Buffer.from(text))).toThrow(new Error(message));
  });

  test('also for bytes that are no UTF-8', () => {
    const tell = (hex: string) => () => parseJson(Buffer.from(hex, 'hex'));
    expect(tell('22ff22')).toThrow("'utf-8' codec can't decode byte 0xff in position 1: invalid start byte");
    expect(tell('22e28222')).toThrow(
      "'utf-8' codec can't decode bytes in position 1-2: invalid continuation byte",
    );
    expect(tell('22e282')).toThrow(
      "'utf-8' codec can't decode bytes in position 1-2: unexpected end of data",
    );
  });
});

test('floats are written as repr does', () => {
  const floats: [number, string][] = [
    [1, '1.0'],
    [0.7, '0.7'],
    [1e-5, '1e-05'],
    [1e-4, '0.0001'],
    [-0, '-0.0'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.5e300, '1.5e+300'],
    [5e-324, '5e-324'],
  ];
  for (const [value, text] of floats) expect(renderFloat(value).text).toBe(text);
});

test('averages are rounded half to even by the exact value, as round does', () => {
  expect([0.03125, 0.09375, 1.00005, 0.70004999].map(roundHalfEven)).toEqual([0.0312, 0.0938, 1.0001, 0.7]);
});

test('jsonb keeps its number forms and loses only the space between its parts', () => {
  const text = '{"a b": [1.50, 12345678901234567890, 1e-7], "s": "x \\" : , y", "u": "\u2028"}';
  expect(compactJsonb(text).text).toBe(
    '{"a b":[1.50,12345678901234567890,1e-7],"s":"x \\" : , y","u":"\\u2028"}',
  );
});

test('a body keeps the numbers as they were written', () => {
  const text = '{"a":1.0,"b":[1e2,-0,123456789012345678901],"__proto__":{"x":1}}';
  expect(renderJson(parseJson(Buffer.from(text)))).toBe(text);
});

test('times end in Z and show six digits of a second or none', () => {
  expect(renderTime('2026-01-05 09:30:00+00')).toBe('2026-01-05T09:30:00Z');
  expect(renderTime('2026-01-05 09:30:00.5+00')).toBe('2026-01-05T09:30:00.500000Z');
  expect(renderTime('2026-01-05 09:30:00.000123+00')).toBe('2026-01-05T09:30:00.000123Z');
});
