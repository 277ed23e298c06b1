import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const ROWS = count(1, 130);
const TITLE = /\brow-(\d{3})-[a-z0-9]/g;

function count(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Each row of the page with the test files that it names. */
function readPage(): ReadonlyMap<number, readonly string[]> {
  const lines = readFileSync('docs/faults.md', 'utf8')
    .split('\n')
    .filter((line) => /^\| \d+ \|/.test(line));
  return new Map(
    lines.map((line) => {
      const cells = line.split(/(?<!\\)\|/).slice(1, -1);
      const files = [...(cells.at(-1) ?? '').matchAll(/\]\(\.\.\/(tests\/[^)]+)\)/g)].map(
        ([, file]) => file ?? '',
      );
      return [Number(cells[0]), files];
    }),
  );
}

/** Which rows have a test in which file. */
function readTests(): ReadonlyMap<number, ReadonlySet<string>> {
  const found = new Map<number, Set<string>>();
  for (const name of readdirSync('tests', { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.test.ts')) continue;
    const file = join('tests', name);
    for (const [, row] of readFileSync(file, 'utf8').matchAll(TITLE))
      found.set(Number(row), (found.get(Number(row)) ?? new Set()).add(file));
  }
  return found;
}

const page = readPage();
const tests = readTests();

test('docs/faults.md lists every row once and in order', () => {
  expect([...page.keys()]).toEqual(ROWS);
});

test.each(ROWS)('row %i names a test that there is, and every file that tests it', (row) => {
  const named = page.get(row) ?? [];
  expect(named.filter((file) => !existsSync(file))).toEqual([]);
  expect([...named].sort()).toEqual([...(tests.get(row) ?? [])].sort());
  expect(named).not.toEqual([]);
});
