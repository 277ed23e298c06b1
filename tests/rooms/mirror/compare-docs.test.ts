import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  COMPARED_HEADERS,
  DEFAULT_BOUNDS,
  looksLikeData,
  NEVER_COMPARED,
  parsePath,
  printPath,
} from '../../../src/mirror/compare/index.ts';
import { SECRET_PARTS, SECRET_WORDS } from '../../../src/mirror/mask/index.ts';
import {
  DEFAULT_MIRROR_RULES,
  DIFFERENCE_KINDS,
  VALUE_FORMATS,
  type ValueFormat,
} from '../../../src/vocabulary/index.ts';
import { tellJson } from './compare-answers.ts';

const PAGE = readFileSync('docs/comparing.md', 'utf8');

/** The texts in code of each cell, of the rows of the table that begins with this head. */
function readTable(head: string): string[][][] {
  const lines = PAGE.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  if (start < 0) throw new Error(`The page has no table that begins with ${head}.`);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) => line.split('|').slice(1, -1).map(readCode));
}

const readCode = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
const readLineAfter = (sentence: string) =>
  readCode(
    PAGE.slice(PAGE.indexOf(sentence))
      .split('\n\n')
      .find((part) => part.startsWith('`')) ?? '',
  );

test('every kind of difference has an example', () => {
  expect([...new Set(readTable('kind').map(([kind]) => kind?.[0]))]).toEqual([...DIFFERENCE_KINDS]);
});

test.each(readTable('kind').map((cells) => cells.map(([code]) => code ?? '')))(
  '%s: %s and %s',
  (kind, legacy, fresh, told) => {
    expect(tellJson(legacy, fresh)).toEqual([told]);
    expect(told.split(' ')[0]).toBe(kind);
  },
);

test('every format is told, with values that are equal by it and values that are not', () => {
  expect(readTable('format').map(([format]) => format?.[0])).toEqual([...VALUE_FORMATS]);
});

describe.each(readTable('format').map((cells) => [cells[0]?.[0] ?? '', ...cells] as const))(
  'the format %s',
  (name, _, equal = [], different = []) => {
    const tellPair = ([legacy, fresh]: readonly string[]) => {
      const rules = { equal: [{ pointer: '/v', format: name as ValueFormat }] };
      return tellJson(`{"v":${legacy}}`, `{"v":${fresh}}`, { rules });
    };
    test('has two values that are equal', () => {
      expect(equal).toHaveLength(2);
      expect(tellPair(equal)).toEqual(['same']);
    });
    test('and two that are not', () => {
      expect(different).toHaveLength(2);
      expect(tellPair(different)).toEqual([expect.stringMatching(/^(?:value|type) \/v$/)]);
    });
  },
);

test('every rule is told', () => {
  const { percent: _, ...rules } = DEFAULT_MIRROR_RULES;
  expect(
    readTable('rule')
      .map(([rule]) => rule?.[0])
      .sort(),
  ).toEqual(Object.keys(rules).sort());
});

test('every bound is told with its value', () => {
  const told = PAGE.split('\n').flatMap((line) => {
    const [, name, value] = /^\| `(\w+)` \| (\d+) \|/.exec(line) ?? [];
    return name === undefined ? [] : [[name, Number(value)]];
  });
  expect(Object.fromEntries(told)).toEqual(DEFAULT_BOUNDS);
});

test('the headers are told', () => {
  expect(readLineAfter('Compared are, unless')).toEqual([...COMPARED_HEADERS]);
  const [, never = ''] = /Never compared, even if named: ([^(]*)/.exec(PAGE) ?? [];
  expect(readCode(never)).toEqual([...NEVER_COMPARED]);
});

test('the names of secrets are told', () => {
  const [, parts = ''] = /Anywhere in a name[^:]*: (.*)/.exec(PAGE) ?? [];
  expect(readCode(parts)).toEqual([...SECRET_PARTS]);
  const [, words = ''] = /As a whole word: (.*)/.exec(PAGE) ?? [];
  expect(readCode(words)).toEqual([...SECRET_WORDS]);
});

test('every path that is told is a path, and is printed as it is told', () => {
  for (const [[path = '']] of readTable('path') as [string[]][]) {
    expect([path, printPath(parsePath(path) ?? [])]).toEqual([path, path]);
  }
});

test('what is said of keys that look like data is so', () => {
  const names = ['created_at', 'a'.repeat(20), 'sha256', `${'word_'.repeat(9)}end`];
  const data = [
    'ada@acme.example',
    'a'.repeat(21),
    `${'word_'.repeat(9)}ends`,
    'a1_b2',
    'year_2026',
    'abc1def',
    'Ada Lovelace',
  ];
  expect([names.filter(looksLikeData), data.filter((key) => !looksLikeData(key))]).toEqual([[], []]);
});
