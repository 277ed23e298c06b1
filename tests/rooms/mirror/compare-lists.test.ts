import { describe, expect, test } from '@jest/globals';
import { compareJson, findDifferences, tellJson, tellValues } from './compare-answers.ts';

const row = (id: number, more: object = {}) => ({ id, name: `n${id % 3}`, active: true, ...more });
const rows = (...ids: readonly number[]) => ids.map((id) => row(id));
const plain = (...names: readonly string[]) => names.map((name) => ({ name, active: true, size: 3 }));
const tellBoth = (legacy: object, fresh: object) => tellValues(compareJson(legacy, fresh));

describe('an item that came in between or went is one difference', () => {
  test.each([
    ['at the start', [1, 2, 3], [9, 1, 2, 3], ['extra /*: (absent) → 9']],
    ['in the middle', [1, 2, 3], [1, 9, 2, 3], ['extra /*: (absent) → 9']],
    ['at the end', [1, 2, 3], [1, 2, 3, 9], ['extra /*: (absent) → 9']],
    ['lost at the start', [1, 2, 3], [2, 3], ['missing /*: 1 → (absent)']],
    ['lost at the end', [1, 2, 3], [1, 2], ['missing /*: 3 → (absent)']],
    ['said twice', [1, 2], [1, 2, 2], ['extra /*: (absent) → 2']],
    ['all lost', [1, 2], [], ['missing /*: 1 → (absent)']],
    ['one changed', [1, 2, 3], [1, 9, 3], ['value /*: 2 → 9']],
    ['one of another type', [1, 2, 3], [1, '2', 3], ['type /*: 2 → "2"']],
    [
      'a window that moved by one',
      [1, 2, 3, 4],
      [2, 3, 4, 5],
      ['missing /*: 1 → (absent)', 'extra /*: (absent) → 5'],
    ],
    ['one lost, one changed', [1, 2, 3, 4, 5], [2, 3, 9, 5], ['missing /*: 1 → (absent)', 'value /*: 4 → 9']],
  ])('%s', (_, legacy, fresh, told) => expect(tellBoth(legacy, fresh).sort()).toEqual([...told].sort()));

  test('all of a kind are counted', () => {
    const [found] = findDifferences(compareJson([1, 2, 3], []));
    expect(found).toMatchObject({ path: '/*', kind: 'missing', count: 3 });
  });
});

describe('objects are found again by what names them', () => {
  test('a page that is off by one is one missing and one extra row, not ten changed ones', () => {
    expect(tellJson({ results: rows(1, 2, 3, 4, 5) }, { results: rows(2, 3, 4, 5, 6) })).toEqual([
      'missing /results/*',
      'extra /results/*',
    ]);
  });

  test('a row that came in does not hide that another has changed', () => {
    const fresh = [row(9), row(1), row(2, { active: false }), row(3)];
    expect(tellJson(rows(1, 2, 3), fresh)).toEqual(['value /*/active', 'extra /*']);
  });

  test('a field that is wrong everywhere is told at the field, beside the row that is lacking', () => {
    const fresh = rows(1, 2, 4).map((each) => ({ ...each, name: each.name.toUpperCase() }));
    expect(tellJson(rows(1, 2, 3, 4), fresh)).toEqual(['value /*/name', 'missing /*']);
  });

  test('rows without a name of their own are found by what they have in common', () => {
    const item = (kind: string, size: number, on: boolean) => ({ kind, size, on, unit: 'kB' });
    const legacy = [item('a', 1, true), item('a', 2, false), item('b', 1, true), item('b', 2, false)];
    // Everything says MB for kB, and something else came in at the start.
    const fresh = [item('c', 2, true), ...legacy].map((each) => ({ ...each, unit: 'MB' }));
    const moved = [...fresh.slice(1), ...fresh.slice(0, 1)];
    expect(tellJson(legacy, fresh)).toEqual(['value /*/unit', 'extra /*']);
    expect(tellJson(legacy, moved)).toEqual(['value /*/unit', 'extra /*']);
    expect(tellJson(moved, legacy)).toEqual(['value /*/unit', 'missing /*']);
  });

  test('other ids throughout are told as ids, place by place', () => {
    expect(
      tellJson(
        [row(1, { name: 'a' }), row(2, { name: 'a' })],
        [row(7, { name: 'a' }), row(8, { name: 'a' })],
      ),
    ).toEqual(['value /*/id']);
  });

  test('ids of another type are a difference of type', () => {
    const text = rows(1, 2, 3).map((each) => ({ ...each, id: String(each.id) }));
    expect(tellJson(rows(1, 2, 3), text)).toEqual(['type /*/id']);
  });
});

describe('items in other places are one difference, at the list', () => {
  test.each([
    ['numbers', [1, 2, 3], [3, 1, 2]],
    ['texts with repeats', ['a', 'b', 'a', 'c'], ['a', 'a', 'c', 'b']],
    ['two swapped in a long list', [1, 2, 3, 4, 5, 6, 7, 8], [1, 7, 3, 4, 5, 6, 2, 8]],
    ['rows with ids', rows(1, 2, 3), rows(3, 2, 1)],
    ['rows without', plain('a', 'a', 'b'), plain('b', 'a', 'a')],
    ['lists', [[1], [2], [3]], [[2], [3], [1]]],
  ])('%s', (_, legacy, fresh) => {
    expect(tellJson({ list: legacy }, { list: fresh })).toEqual(['order /list']);
    expect(tellJson({ list: fresh }, { list: legacy })).toEqual(['order /list']);
  });

  test('another order does not hide what changed inside', () => {
    expect(tellJson(rows(1, 2, 3), [row(3), row(2), row(1, { active: false })])).toEqual([
      'order body',
      'value /*/active',
    ]);
  });

  test('another order and another window are told apart', () => {
    expect(tellJson(rows(1, 2, 3, 4), rows(3, 2, 4, 5))).toEqual(['order body', 'missing /*', 'extra /*']);
  });

  test('the order of an inner list is told there', () => {
    expect(
      tellJson(
        [
          { id: 1, tags: ['a', 'b'] },
          { id: 2, tags: [] },
        ],
        [
          { id: 1, tags: ['b', 'a'] },
          { id: 2, tags: [] },
        ],
      ),
    ).toEqual(['order /*/tags']);
  });

  test('a repeat for another item is a value, not an order', () => {
    expect(tellJson([1, 2], [2, 2])).toEqual(['value /*']);
  });
});

describe('long lists', () => {
  const long = (length: number, change: (i: number) => unknown = (i) => i) =>
    Array.from({ length }, (_, i) => change(i));

  test('an item that came into ten thousand is one extra', () => {
    const fresh = long(10_000);
    fresh.splice(4_321, 0, -1);
    expect(tellJson(long(10_000), fresh)).toEqual(['extra /*']);
  });

  test('ten thousand rows in another order are one difference', () => {
    const legacy = long(10_000, (i) => ({ id: i, name: `n${i}` }));
    expect(tellJson(legacy, [...legacy].reverse())).toEqual(['order body']);
    const scalars = long(10_000);
    expect(tellJson(scalars, [...scalars].reverse())).toEqual(['order body']);
  });

  test('where aligning would cost too much items are compared place by place', () => {
    const legacy = long(3_000, (i) => i % 7);
    const fresh = long(3_000, (i) => (i * 3 + 1) % 5);
    const [found] = findDifferences(compareJson(legacy, fresh));
    expect(found).toMatchObject({ path: '/*', kind: 'value' });
  });

  test('a spent budget is the end of aligning, not of comparing', () => {
    const wish = { bounds: { steps: 10 } };
    expect(
      tellJson(
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        [
          [5, 6],
          [7, 8],
          [3, 4],
        ],
        wish,
      ),
    ).toEqual(['value /*/*']);
  });
});
