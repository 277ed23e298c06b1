import { describe, expect, test } from '@jest/globals';
import type { RowChange } from '../../../src/vocabulary/index.ts';
import {
  ASKED_MS,
  answer,
  compareAnswers,
  LATER_MS,
  type PairWish,
  tell,
  tellValues,
} from './compare-answers.ts';

const NEW_MS = ASKED_MS + LATER_MS;

function change(
  kind: RowChange['change'],
  table: string,
  row: Readonly<Record<string, unknown>>,
  key = 'id',
): RowChange {
  return { table, change: kind, key: JSON.stringify({ [key]: row[key] }), row: JSON.stringify(row) };
}
const insert = (table: string, row: Readonly<Record<string, unknown>>, key?: string) =>
  change('insert', table, row, key);
const update = (table: string, row: Readonly<Record<string, unknown>>) => change('update', table, row);
const remove = (table: string, row: Readonly<Record<string, unknown>>) => change('delete', table, row);

type Rows = readonly RowChange[];
const compareRows = (legacy: Rows, fresh: Rows, wish: PairWish = {}) =>
  compareAnswers(answer({ status: 201 }), answer({ status: 201, askedMs: NEW_MS }), {
    method: 'unsafe',
    rows: { legacy, new: fresh },
    ...wish,
  });
const tellRows = (legacy: Rows, fresh: Rows, wish: PairWish = {}) => tell(compareRows(legacy, fresh, wish));

const MESSAGE = {
  id: 41,
  channel_id: 3,
  body: 'hello',
  metadata: { tags: ['a'], score: 0.5 },
  edited_at: null,
};

describe('rows are compared by their keys, column by column', () => {
  test.each<[string, Rows, Rows, readonly string[]]>([
    ['equal', [insert('chat_message', MESSAGE)], [insert('chat_message', MESSAGE)], ['same']],
    ['columns in another order', [insert('t', { id: 1, a: 2 })], [insert('t', { a: 2, id: 1 })], ['same']],
    [
      'tables in another order',
      [insert('a', { id: 1 }), insert('b', { id: 1 })],
      [insert('b', { id: 1 }), insert('a', { id: 1 })],
      ['same'],
    ],
    ['a column', [insert('t', { id: 1, a: 2 })], [insert('t', { id: 1, a: 3 })], ['value rows:t/a: 2 → 3']],
    [
      'null for a value',
      [insert('t', { id: 1, a: 2 })],
      [insert('t', { id: 1, a: null })],
      ['type rows:t/a: 2 → null'],
    ],
    [
      'a scale',
      [insert('t', { id: 1, a: 1 })],
      [{ ...insert('t', { id: 1 }), row: '{"id":1,"a":1.0}' }],
      ['precision rows:t/a: 1 → 1.0'],
    ],
    [
      'inside of jsonb',
      [insert('chat_message', MESSAGE)],
      [insert('chat_message', { ...MESSAGE, metadata: { tags: ['a', 'b'], score: 0.7 } })],
      [
        'extra rows:chat_message/metadata/tags/*: (absent) → "b"',
        'value rows:chat_message/metadata/score: 0.5 → 0.7',
      ],
    ],
    ['nothing was written', [insert('t', { id: 1 })], [], ['missing rows:t: {"id":1} → (absent)']],
    ['something was written', [], [insert('t', { id: 1 })], ['extra rows:t: (absent) → {"id":1}']],
    [
      'written twice',
      [insert('t', { id: 1, a: 'x' })],
      [insert('t', { id: 1, a: 'x' }), insert('t', { id: 2, a: 'x' })],
      ['extra rows:t: (absent) → {"a":"x","id":2}'],
    ],
    [
      'changed for written',
      [insert('t', { id: 1 })],
      [update('t', { id: 1 })],
      ['value rows:t: "insert" → "update"'],
    ],
    [
      'deleted for changed',
      [update('t', { id: 1 })],
      [remove('t', { id: 1 })],
      ['value rows:t: "update" → "delete"'],
    ],
    ['not deleted', [remove('t', { id: 1 })], [], ['missing rows:t: {"id":1} → (absent)']],
    [
      'another row was changed',
      [update('t', { id: 1, a: 'x' })],
      [update('t', { id: 2, a: 'x' })],
      ['value rows:t/id: 1 → 2'],
    ],
    [
      'another table',
      [insert('a', { id: 1 })],
      [insert('b', { id: 1 })],
      ['missing rows:a: {"id":1} → (absent)', 'extra rows:b: (absent) → {"id":1}'],
    ],
  ])('%s', (_, legacy, fresh, told) => expect(tellValues(compareRows(legacy, fresh))).toEqual(told));

  test("a deleted row is known by its key: how it looked before is nobody's doing", () => {
    expect(tellRows([remove('t', { id: 1, a: 1 })], [remove('t', { id: 1, a: 2 })])).toEqual(['same']);
    expect(tellRows([remove('t', { id: 1, a: 1 })], [remove('t', { id: 2, a: 1 })])).toEqual([
      'value rows:t/id',
    ]);
  });

  test('a bytea column is one value', () => {
    const bytes = (digit: string) => ({ bytes: 3, sha256: digit.repeat(64) });
    const compared = compareRows(
      [insert('files_chunk', { id: 1, data: bytes('a') })],
      [insert('files_chunk', { id: 1, data: bytes('b') })],
    );
    expect(tell(compared)).toEqual(['value rows:files_chunk/data']);
    expect(compared).toMatchObject({
      differences: [{ legacy: { type: 'bytes', length: 3, sha256: 'a'.repeat(64) } }],
    });
  });

  test('rows that are unknown are not compared, and neither are they where the table ignores them', () => {
    const [legacy, fresh] = [
      [insert('t', { id: 1, a: 1 })],
      [insert('t', { id: 1, a: 2 }), insert('log', { id: 1 })],
    ];
    expect(tell(compareAnswers(answer(), answer(), { method: 'unsafe' }))).toEqual(['same']);
    expect(tellRows(legacy, fresh, { rules: { ignore: ['rows:log', 'rows:t/a'] } })).toEqual(['same']);
    expect(tellRows(legacy, fresh, { rules: { ignore: ['rows:*'] } })).toEqual(['same']);
  });
});

describe('what counts is what became of a row in the end', () => {
  const row = (a: number) => ({ id: 1, a });

  test.each<[string, Rows, Rows, readonly string[]]>([
    [
      'written, then changed: written',
      [insert('t', row(1)), update('t', row(2))],
      [insert('t', row(2))],
      ['same'],
    ],
    ['written, then deleted: nothing', [insert('t', row(1)), remove('t', row(1))], [], ['same']],
    ['changed twice: changed', [update('t', row(1)), update('t', row(2))], [update('t', row(2))], ['same']],
    [
      'changed, then deleted: deleted',
      [update('t', row(1)), remove('t', row(1))],
      [remove('t', row(0))],
      ['same'],
    ],
    [
      'deleted, then written: changed',
      [remove('t', row(0)), insert('t', row(2))],
      [update('t', row(2))],
      ['same'],
    ],
    ['deleted, then written as it was: nothing', [remove('t', row(0)), insert('t', row(0))], [], ['same']],
    [
      'deleted, written, changed back: nothing',
      [remove('t', row(0)), insert('t', row(1)), update('t', row(0))],
      [],
      ['same'],
    ],
    [
      'written, deleted, written: written',
      [insert('t', row(1)), remove('t', row(1)), insert('t', row(3))],
      [insert('t', row(3))],
      ['same'],
    ],
    [
      'the order of statements about two rows',
      [insert('t', row(1)), insert('t', { id: 2, a: 1 })],
      [insert('t', { id: 2, a: 1 }), insert('t', row(1))],
      ['same'],
    ],
    [
      'the last change counts',
      [update('t', row(1)), update('t', row(2))],
      [update('t', row(1))],
      ['value rows:t/a'],
    ],
  ])('%s', (_, legacy, fresh, told) => {
    expect(tellRows(legacy, fresh)).toEqual(told);
  });
});

describe('rows under other keys are taken for those that are most alike', () => {
  test('so that a wrong id is told as an id', () => {
    expect(tellRows([insert('t', { id: 7, a: 'x', b: 1 })], [insert('t', { id: 8, a: 'x', b: 1 })])).toEqual([
      'value rows:t/id',
    ]);
  });

  test('and random keys are equal where the table says so', () => {
    const session = (key: string) => insert('django_session', { session_key: key, user: 1 }, 'session_key');
    const [legacy, fresh] = [[session('abc123def456')], [session('zyx987wvu654')]];
    expect(tellRows(legacy, fresh)).toEqual(['value rows:django_session/session_key']);
    const equal = [{ pointer: 'rows:django_session/session_key', format: 'token' as const }];
    expect(tellRows(legacy, fresh, { rules: { equal } })).toEqual(['same']);
  });

  test('each with the one that fits, and what is left over is left over', () => {
    const legacy = [insert('t', { id: 1, a: 'x', b: 'p' }), insert('t', { id: 2, a: 'y', b: 'q' })];
    const fresh = [
      insert('t', { id: 12, a: 'y', b: 'q' }),
      insert('t', { id: 13, a: 'z', b: 'r' }),
      insert('t', { id: 11, a: 'x', b: 'p' }),
    ];
    expect(tellRows(legacy, fresh)).toEqual(['value rows:t/id', 'extra rows:t']);
  });

  test('but never a written row for a deleted one', () => {
    expect(tellRows([insert('t', { id: 1 })], [remove('t', { id: 2 })])).toEqual([
      'missing rows:t',
      'extra rows:t',
    ]);
  });
});

describe('times in rows', () => {
  const at = (ms: number, micros = '') => new Date(ms).toISOString().replace('Z', `${micros}+00:00`);

  test('are compared with their own runs, however many zeros PostgreSQL left off', () => {
    const legacy = [insert('t', { id: 1, at: at(ASKED_MS + 3, '456'), until: at(ASKED_MS + 1_209_600_000) })];
    const fresh = [
      insert('t', { id: 1, at: at(NEW_MS + 3, '4'), until: at(NEW_MS + 1_209_600_000).replace('.000', '') }),
    ];
    expect(tellRows(legacy, fresh)).toEqual(['same']);
    expect(tellRows(legacy, fresh, { method: 'safe' })).toEqual(['value rows:t/at', 'value rows:t/until']);
  });

  test('a time zone that slipped stays a difference', () => {
    expect(
      tellRows(
        [insert('t', { id: 1, at: at(ASKED_MS) })],
        [insert('t', { id: 1, at: at(NEW_MS + 3_600_000) })],
      ),
    ).toEqual(['value rows:t/at']);
  });
});

test('a row that is no JSON is compared as text', () => {
  const odd = (row: string): RowChange => ({ table: 't', change: 'insert', key: '{"id":1}', row });
  expect(tellRows([odd('{"id":')], [odd('{"id":1')])).toEqual(['value rows:t']);
  expect(tellRows([odd('{"id":')], [odd('{"id":')])).toEqual(['same']);
});

test('thousands of rows are compared in bounded time', () => {
  const many = (from: number) =>
    Array.from({ length: 5_000 }, (_, i) => insert('t', { id: from + i, a: `x${i}` }));
  const begun = process.cpuUsage();
  expect(tellRows(many(0), many(10_000))).toEqual(['value rows:t/id']);
  expect(process.cpuUsage(begun).user).toBeLessThan(3_000_000);
});
