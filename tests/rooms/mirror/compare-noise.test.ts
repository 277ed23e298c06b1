import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  differsWithItself,
  groupIdOf,
  isNoise,
  printFound,
  printTypes,
} from '../../../src/mirror/compare/index.ts';
import { DEFAULT_MIRROR_RULES, parseGroupId, type RouteId } from '../../../src/vocabulary/index.ts';
import { answer, compareJson, findDifferences } from './compare-answers.ts';

const learn = (first: object, second: object, ignore: readonly string[] = []) =>
  differsWithItself(answer({ body: first }), answer({ body: second }), { ...DEFAULT_MIRROR_RULES, ignore });

describe('what a side says differently each time is learned by its path', () => {
  test.each([
    ['nothing', { a: 1 }, { a: 1 }, []],
    ['a value', { at: 1, b: 2 }, { at: 2, b: 2 }, ['/at']],
    [
      'inside of items',
      [
        { id: 1, at: 1 },
        { id: 2, at: 1 },
      ],
      [
        { id: 1, at: 2 },
        { id: 2, at: 3 },
      ],
      ['/*/at'],
    ],
    ['an order: the list, and nothing of what is in it', { l: [1, 2, 3] }, { l: [3, 1, 2] }, ['/l']],
    [
      'items that come and go: nothing of what is in them',
      { l: [{ id: 1 }] },
      { l: [{ id: 1 }, { id: 2 }] },
      ['/l/*'],
    ],
    ['a whole object: it, and all below', { a: { b: 1 } }, { a: null }, ['/a', '/a/**']],
    ['a whole list', { a: [] }, {}, ['/a', '/a/**']],
    ['the document', [], {}, ['body', 'body/**']],
    ['several, sorted, each once', { b: 1, a: [1, 2] }, { b: 2, a: [3, 4] }, ['/a/*', '/b']],
  ])('%s', (_, first, second, paths) => expect(learn(first, second)).toEqual(paths));

  test('not what is ignored anyway, and nothing where the answers cannot be compared', () => {
    expect(learn({ a: 1, b: 1 }, { a: 2, b: 2 }, ['/a'])).toEqual(['/b']);
    const large = { ...answer(), body: { kind: 'larger' as const } };
    expect(differsWithItself(large, large, DEFAULT_MIRROR_RULES)).toEqual([]);
  });

  test('headers and cookies, too', () => {
    const one = answer({ headers: ['ETag', '"1"', 'Set-Cookie', 'csrf=a'] });
    const other = answer({ headers: ['ETag', '"2"', 'Set-Cookie', 'csrf=b'] });
    expect(differsWithItself(one, other, DEFAULT_MIRROR_RULES)).toEqual(['cookie:csrf', 'header:etag']);
  });
});

describe('noise explains a difference', () => {
  test.each([
    ['/at', '/at', true],
    ['/at', '/at/x', false],
    ['/at', '/a', false],
    ['/at', '/attic', false],
    ['/l/*', '/l/*', true],
    ['/l/*', '/l/*/id', false],
    ['/l', '/l/*/id', false],
    ['/*/at', '/l/at', true],
    ['/*/at', '/l/m/at', false],
    ['/a/**', '/a/b', true],
    ['/a/**', '/a/b/*/c', true],
    ['/a/**', '/a', false],
    ['/a/**', '/ab/c', false],
    ['body/**', '/a/b', true],
    ['body/**', 'status', false],
    ['body', '/a', false],
    ['header:etag', 'header:etag', true],
    ['header:etag', 'header:vary', false],
    ['cookie:a', 'cookie:a;path', false],
    ['rows:t', 'rows:t/a', false],
    ['rows:t/**', 'rows:t/a', true],
  ])('%s explains %s: %s', (noisy, path, expected) => {
    expect(isNoise(path, [noisy])).toBe(expected);
    expect(isNoise(path, new Set(['/other', noisy]))).toBe(expected);
    expect(isNoise(path, [])).toBe(false);
  });

  test('row-109-noise-and-numbers: all that two answers of one side disagree on is explained by what is learned of them', () => {
    const [first, second] = [
      { a: { b: 1 }, l: [1, 2], n: 1 },
      { a: null, l: [2, 1], n: 1.5 },
    ];
    const noisy = learn(first, second);
    for (const { path } of findDifferences(compareJson(first, second)))
      expect(isNoise(path, noisy)).toBe(true);
  });
});

describe('groups', () => {
  const route = 'ai.jobs' as RouteId;
  const [difference] = findDifferences(compareJson({ a: 'x' }, { a: null }));
  if (!difference) throw new Error('The example must differ.');

  test('are named by route, path, kind and types', () => {
    expect(printTypes(difference)).toBe('string → null');
    const expected = createHash('sha256')
      .update('ai.jobs\n/a\ntype\nstring → null')
      .digest('hex')
      .slice(0, 12);
    expect(groupIdOf(route, difference)).toBe(expected);
    expect(parseGroupId(groupIdOf(route, difference))).toBe(expected);
  });

  test('are the same whatever the values, and others for another route, path, kind or type', () => {
    const same = { ...difference, legacy: { type: 'string', text: '"other"', length: 5 } } as const;
    expect(groupIdOf(route, same)).toBe(groupIdOf(route, difference));
    const others = [
      groupIdOf('ai.job' as RouteId, difference),
      groupIdOf(route, { ...difference, path: '/b' }),
      groupIdOf(route, { ...difference, kind: 'value' }),
      groupIdOf(route, { ...difference, legacy: { type: 'absent' } }),
    ];
    expect(new Set([...others, groupIdOf(route, difference)]).size).toBe(5);
  });
});

test('values are printed for people who may see them', () => {
  expect(printFound({ type: 'absent' })).toBe('(absent)');
  expect(printFound({ type: 'string', text: '"a"', length: 1 })).toBe('"a"');
  expect(printFound({ type: 'bytes', length: 3, sha256: 'ab' })).toBe('(3 bytes, SHA-256 ab)');
});
