import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { SETTINGS } from '../../../src/settings.ts';
import { FAILURES, fail, type RequestId, wordProblem } from '../../../src/vocabulary/index.ts';

const PAGE = readFileSync('docs/safety-nets.md', 'utf8');

test('the page of safety nets shows an answer as it is given', () => {
  const [, shown = ''] = /```http\n([\s\S]*?)\n```/.exec(PAGE) ?? [];
  const [head = '', body = ''] = shown.split('\n\n');
  const id = /X-Request-Id: (\S+)/.exec(head)?.[1] as RequestId;
  const problem = wordProblem(fail('legacy_busy', { retryAfterS: 1 }), id, undefined);
  expect(`${body}\n`).toBe(problem.body);
  const lines = problem.headers.flatMap((name, at) =>
    at % 2 === 0 && name !== 'Content-Length' ? [`${name}: ${problem.headers[at + 1]}`] : [],
  );
  expect(head.split('\n').slice(1)).toEqual(lines);
});

test('every setting and every code that the page names is one', () => {
  const names = [...PAGE.matchAll(/`([A-Z][A-Z_]+[A-Z])`/g)].map(([, name]) => name ?? '');
  const methods = ['GET', 'HEAD'];
  expect(names.filter((name) => !(name in SETTINGS) && !methods.includes(name))).toEqual([]);
  const codes = [...PAGE.matchAll(/`((?:legacy|new|tenant|request)_[a-z_]+|overloaded)`/g)].map(
    ([, code]) => code ?? '',
  );
  expect(codes.filter((code) => !(code in FAILURES))).toEqual([]);
});

test('what the page says a setting is without being set is what it is', () => {
  const told = [...PAGE.matchAll(/`([A-Z][A-Z_]+)`(?:, | \()(\d+)(?: (s|GiB))?\b/g)];
  expect(told.length).toBeGreaterThan(8);
  const units: Record<string, number> = { s: 1_000, GiB: 1024 ** 3 };
  for (const [, name = '', number, unit] of told) {
    const { fallback } = SETTINGS[name as keyof typeof SETTINGS] as { fallback?: string };
    expect([name, fallback]).toEqual([name, String(Number(number) * (units[unit ?? ''] ?? 1))]);
  }
});
