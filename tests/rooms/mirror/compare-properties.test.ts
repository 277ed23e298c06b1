import { describe, expect, test } from '@jest/globals';
import type { FoundDifference } from '../../../src/mirror/compare/index.ts';
import type { DifferenceKind } from '../../../src/vocabulary/index.ts';
import {
  compareJson,
  findDifferences,
  type PairWish,
  seedRandom,
  tell,
  tellJson,
} from './compare-answers.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Random = () => number;

const KEYS = ['id', 'name', 'items', 'created_at', 'total', 'is_open', 'meta', 'tags', 'cost', 'user'];
const WORDS = [
  'alpha',
  'beta',
  'Zoë',
  '',
  'x y',
  '2026-01-05T09:30:00Z',
  '0.0100',
  '😀',
  '\u0000\u2028',
  '"\\',
];
const pick = <Item>(random: Random, items: readonly Item[]): Item =>
  items[Math.floor(random() * items.length)] as Item;
const count = (random: Random, most: number) => Math.floor(random() * (most + 1));

function makeLeaf(random: Random): Json {
  return pick<() => Json>(random, [
    () => null,
    () => random() < 0.5,
    () => Math.floor(random() * 1_000),
    () => random() * 1e6,
    () => pick(random, WORDS),
    () => `word ${Math.floor(random() * 1e6)}`,
  ])();
}

function makeJson(random: Random, depth: number): Json {
  const roll = random();
  if (depth === 0 || roll < 0.3) return makeLeaf(random);
  if (roll < 0.6) return Array.from({ length: count(random, 6) }, () => makeJson(random, depth - 1));
  return makeObject(random, depth);
}

function makeObject(random: Random, depth: number): { [key: string]: Json } {
  const keys = KEYS.filter(() => random() < 0.5);
  return Object.fromEntries(keys.map((key) => [key, makeJson(random, depth - 1)]));
}

/** Every value of a document with the way to change it in place, and its path as a difference has it. */
type Place = Readonly<{
  path: string;
  value: Json;
  replace(value: Json): void;
  remove(): void;
  isItem: boolean;
}>;

function listPlaces(parent: Json, path: string): Place[] {
  if (Array.isArray(parent)) {
    return parent.flatMap((value, i) => {
      const here = {
        path: `${path}/*`,
        value,
        isItem: true,
        replace: (next: Json) => {
          parent[i] = next;
        },
        remove: () => void parent.splice(i, 1),
      };
      return [here, ...listPlaces(value, `${path}/*`)];
    });
  }
  if (typeof parent !== 'object' || parent === null) return [];
  return Object.entries(parent).flatMap(([key, value]) => {
    const at = `${path}/${key}`;
    const here = {
      path: at,
      value,
      isItem: false,
      replace: (next: Json) => {
        parent[key] = next;
      },
      remove: () => void delete parent[key],
    };
    return [here, ...listPlaces(value, at)];
  });
}

const typeOf = (value: Json) => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);
const isLeaf = (value: Json) => typeof value !== 'object' || value === null;

/** The document with its keys in another order. */
function shuffleKeys(random: Random, value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => shuffleKeys(random, item));
  if (isLeaf(value)) return value;
  const entries = Object.entries(value as { [key: string]: Json }).map(
    ([key, inner]) => [random(), key, shuffleKeys(random, inner)] as const,
  );
  return Object.fromEntries(entries.sort(([a], [b]) => a - b).map(([, key, inner]) => [key, inner]));
}

const TURNED: Readonly<Record<string, string>> = { missing: 'extra', extra: 'missing' };
const print = (found: readonly FoundDifference[]) =>
  found.map((one) => `${one.kind} ${one.path} ${one.legacy.type} ${one.new.type} ${one.count}`).sort();
/** As it is told where the sides are the other way round. */
const printTurned = (found: readonly FoundDifference[]) =>
  print(
    found.map((one) => ({
      ...one,
      kind: (TURNED[one.kind] ?? one.kind) as DifferenceKind,
      legacy: one.new,
      new: one.legacy,
    })),
  );

const seeds = Array.from({ length: 100 }, (_, i) => i + 1);
const documentOf = (seed: number) => {
  const random = seedRandom(seed);
  return {
    random,
    document: { root: makeJson(random, 4), list: [makeJson(random, 3), makeJson(random, 3)] } as Json,
  };
};
/** Rules and clocks take other ways through the lists: every property holds there as well. */
const WISHES: readonly PairWish[] = [
  {},
  { method: 'unsafe' },
  { rules: { ignore: ['/nothing', '/*/*/nothing', '/*/*/*/nothing'] } },
];

describe.each(WISHES)('with %j', (wish) => {
  test('a document is the same as itself, whatever the order of its keys', () => {
    for (const seed of seeds) {
      const { random, document } = documentOf(seed);
      expect([seed, ...tellJson(document, shuffleKeys(random, document), wish)]).toEqual([seed, 'same']);
    }
  });

  test('one value that was changed is found at its path, by its kind, and nothing else is', () => {
    for (const seed of seeds) {
      const { random, document } = documentOf(seed);
      const fresh = structuredClone(document);
      const leaves = listPlaces(fresh, '').filter(({ value }) => isLeaf(value));
      if (leaves.length === 0) continue;
      const place = pick(random, leaves);
      const next: Json =
        random() < 0.5
          ? { changed: true }
          : typeof place.value === 'string'
            ? `${place.value}!`
            : `was ${place.value}`;
      place.replace(next);
      const kind = typeOf(place.value) === typeOf(next) ? 'value' : 'type';
      expect([seed, ...tellJson(document, fresh, wish)]).toEqual([seed, `${kind} ${place.path}`]);
    }
  });

  test('one value that was taken out is one missing, and put in one extra', () => {
    for (const seed of seeds) {
      const { random, document } = documentOf(seed);
      const fresh = structuredClone(document);
      const place = pick(random, listPlaces(fresh, ''));
      place.remove();
      expect([seed, ...tellJson(document, fresh, wish)]).toEqual([seed, `missing ${place.path}`]);
      expect([seed, ...tellJson(fresh, document, wish)]).toEqual([seed, `extra ${place.path}`]);
    }
  });

  test('a list whose items changed places is one order, and the same where order does not matter', () => {
    for (const seed of seeds) {
      const random = seedRandom(seed);
      const items = Array.from({ length: 2 + count(random, 12) }, () => makeJson(random, 2));
      const shuffled = items
        .map((item) => [random(), item] as const)
        .sort(([a], [b]) => a - b)
        .map(([, item]) => item);
      const isSame = JSON.stringify(items) === JSON.stringify(shuffled);
      const [legacy, fresh] = [{ a: { list: items } }, { a: { list: shuffled } }];
      expect([seed, ...tellJson(legacy, fresh, wish)]).toEqual([seed, isSame ? 'same' : 'order /a/list']);
      const unordered = [{ list: '/a/list', by: undefined }];
      expect([seed, ...tellJson(legacy, fresh, { ...wish, rules: { ...wish.rules, unordered } })]).toEqual([
        seed,
        'same',
      ]);
    }
  });

  test('the two sides are treated alike: turned round, missing is extra and all else is the same', () => {
    for (const seed of seeds) {
      const { random, document } = documentOf(seed);
      const other = structuredClone(document);
      for (const place of listPlaces(other, '')) {
        if (random() < 0.1) place.replace(makeLeaf(random));
        else if (random() < 0.05) place.remove();
      }
      const unordered =
        seed % 2 === 0
          ? []
          : [
              { list: '/list', by: undefined },
              { list: '/root', by: undefined },
              { list: '/root/*', by: undefined },
            ];
      const own = { ...wish, rules: { ...wish.rules, unordered }, bounds: { differences: 10_000 } };
      const there = findDifferences(compareJson(document, other, own));
      const back = findDifferences(compareJson(other, document, own));
      expect([seed, ...printTurned(back)]).toEqual([seed, ...print(there)]);
    }
  });

  test('so are short lists, in which much can be taken for much', () => {
    const items = [
      1,
      'a',
      null,
      [1],
      [2],
      { k: 1, l: 1 },
      { k: 2, l: 1 },
      { k: 1, l: 2 },
      true,
      { k: 1, m: 1, n: 1 },
    ];
    for (let seed = 0; seed < 1_000; seed++) {
      const random = seedRandom(seed);
      const list = () => Array.from({ length: count(random, 8) }, () => pick(random, items));
      const [legacy, fresh] = [list(), list()];
      const there = findDifferences(compareJson(legacy, fresh, wish));
      const back = findDifferences(compareJson(fresh, legacy, wish));
      expect([seed, ...printTurned(back)]).toEqual([seed, ...print(there)]);
    }
  });

  test("what is found does not depend on when, and its values are the two sides' own", () => {
    for (const seed of seeds.slice(0, 100)) {
      const { random, document } = documentOf(seed);
      const other = structuredClone(document);
      for (const place of listPlaces(other, '')) if (random() < 0.1) place.replace(makeLeaf(random));
      const compared = compareJson(document, other, wish);
      expect(compareJson(document, other, wish)).toEqual(compared);
      for (const { kind, legacy, new: fresh } of findDifferences(compared)) {
        expect(legacy.type === 'absent').toBe(kind === 'extra');
        expect(fresh.type === 'absent').toBe(kind === 'missing');
        if (kind !== 'order') expect(legacy).not.toEqual(fresh);
      }
    }
  });
});

test('several changes in rows with ids are each found where they are, among rows that came and went', () => {
  for (const seed of seeds) {
    const random = seedRandom(seed);
    const legacy = Array.from({ length: 5 + count(random, 20) }, (_, id) => ({
      id,
      name: pick(random, WORDS),
      user: { id: count(random, 3), total: count(random, 50) },
    }));
    const fresh: Json[] = structuredClone(legacy);
    const told = new Set<string>();
    const change = (share: number, name: string, act: (row: { [key: string]: Json }) => void) => {
      for (const row of fresh.slice(2) as { [key: string]: Json }[]) {
        if (random() >= share) continue;
        act(row);
        told.add(name);
      }
    };
    change(0.2, 'value /*/name', (row) => (row.name = `${row.name}!`));
    change(0.2, 'missing /*/user/total', (row) => delete (row.user as { [key: string]: Json }).total);
    change(0.1, 'extra /*/cost', (row) => (row.cost = null));
    if (random() < 0.5 && fresh.splice(1, 1)) told.add('missing /*');
    if (random() < 0.5 && fresh.splice(count(random, fresh.length), 0, { id: 999, name: 'new' }))
      told.add('extra /*');
    const expected = told.size === 0 ? ['same'] : [...told].sort();
    expect([seed, ...tell(compareJson(legacy, fresh)).sort()]).toEqual([seed, ...expected]);
  }
});
