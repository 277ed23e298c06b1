import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createLineSink, createObserve } from '../../src/observe/index.ts';
import { SETTINGS } from '../../src/settings.ts';
import { DROP_REASONS, FAILURES, NOT_COMPARED_REASONS } from '../../src/vocabulary/index.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const PAGES = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** The cells of every table row whose first cell is code. */
function readRows(file: string): string[][] {
  return read(file)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
    );
}

test('docs/settings.md lists every setting with its fallback and purpose, in order, and no other', () => {
  const told = readRows('docs/settings.md');
  const known = Object.entries(SETTINGS).map(([name, setting]) => {
    const { help, fallback = '', isSecret } = setting as { help: string; fallback?: string; isSecret?: true };
    return [name, fallback, isSecret ? `${help} · secret` : help];
  });
  expect(told).toEqual(known);
});

test('docs/failures.md lists every failure with its status, blame and sentence, in order, and no other', () => {
  const known = Object.entries(FAILURES).map(([code, { status, blame, detail }]) => [
    code,
    String(status),
    blame,
    detail,
  ]);
  expect(readRows('docs/failures.md')).toEqual(known);
});

test('docs/operations.md says of every failure code, metric and log event what to do, and of no other', async () => {
  const observe = createObserve({ level: 'silent', sink: createLineSink(process.stdout) });
  const metrics = [...(await observe.metrics()).matchAll(/^# TYPE (banyan_\w+) /gm)].map(
    ([, name]) => name ?? '',
  );
  const events = [...read('src/vocabulary/events.ts').matchAll(/\btype: '(\w+)'/g)].map(
    ([, type]) => type ?? '',
  );
  const told = readRows('docs/operations.md').map(([name]) => name ?? '');
  const known = [
    ...Object.keys(FAILURES),
    ...metrics.filter((name) => !/^banyan_(process|nodejs)_/.test(name)),
    ...new Set(events),
  ];
  expect([...told].sort()).toEqual([...known].sort());
});

test('docs/shadow.md lists every reason why nothing was compared and why no copy was taken, in order, and no other', () => {
  expect(readRows('docs/shadow.md').map(([reason]) => reason)).toEqual([
    ...NOT_COMPARED_REASONS,
    ...DROP_REASONS,
  ]);
});

test('every failure of the closed list is made somewhere', () => {
  const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('vocabulary') && !file.includes('generated'))
    .map((file) => read(join('src', file)))
    .join('\n');
  expect(Object.keys(FAILURES).filter((code) => !source.includes(`'${code}'`))).toEqual([]);
});

test('docs/observing.md lists every metric of ours with its kind and labels, and no other', async () => {
  const observe = createObserve({ level: 'silent', sink: createLineSink(process.stdout) });
  const text = await observe.metrics();
  const kinds = [...text.matchAll(/^# TYPE (banyan_\w+) (\w+)$/gm)].map(([, name, kind]) => [name, kind]);
  const ours = kinds.filter(([name]) => !/^banyan_(process|nodejs)_/.test(name ?? ''));
  expect(
    readRows('docs/observing.md')
      .map(([name, kind]) => [name, kind])
      .sort(),
  ).toEqual(ours.sort());
});

describe.each(PAGES)('%s', (page) => {
  test('every link to a file leads somewhere', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(resolve(dirname(page), link)))).toEqual([]);
  });
});

test('every page of docs/ can be reached from the README', () => {
  const readme = read('README.md');
  expect(PAGES.slice(1).filter((page) => !readme.includes(`(${page})`))).toEqual([]);
});

test('docs/decisions.md gives a reason for every package that production uses', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const decisions = read('docs/decisions.md');
  expect(Object.keys(dependencies).filter((name) => !decisions.includes(`\`${name}\``))).toEqual([]);
});
