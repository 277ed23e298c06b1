import type pg from 'pg';
import type { Side } from '../../../src/vocabulary/index.ts';
import { ODD, type VerifyHouse } from './verify-house.ts';

export type Damage = Readonly<{
  table: string;
  /** Each is one statement; `$place` and `$acme` stand for the table and the condition that a row is acme's. */
  sql: readonly string[];
  /** By the row's key. Missing means: on the side that was damaged. */
  seen: Readonly<Record<string, readonly string[] | 'missing' | 'too_many'>>;
}>;

/** One row's one column. */
const change = (column: string, value: string, id = 1): Damage => ({
  table: ODD,
  sql: [`UPDATE $place SET ${column} = ${value} WHERE id = ${id} AND $acme`],
  seen: { [`{"id":${id}}`]: [column] },
});

/** What a disk, a hand or a bug may do to one side's rows. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  'a row is missing': {
    table: 'chat_message',
    sql: ['DELETE FROM $place WHERE id = 3 AND $acme'],
    seen: { '{"id":3}': 'missing' },
  },
  'a row is one too many': {
    table: ODD,
    sql: [`INSERT INTO $place ($tenant id, note) VALUES ($one 77, 'nobody wrote this')`],
    seen: { '{"id":77}': 'too_many' },
  },
  'a key has changed': {
    table: ODD,
    sql: ['UPDATE $place SET id = 78 WHERE id = 4 AND $acme'],
    seen: { '{"id":4}': 'missing', '{"id":78}': 'too_many' },
  },
  'a key of two columns has changed': {
    table: 'files_chunk',
    sql: ['UPDATE $place SET seq = 7 WHERE file_id = 1 AND seq = 0 AND $acme'],
    seen: { '{"file_id":1,"seq":0}': 'missing', '{"file_id":1,"seq":7}': 'too_many' },
  },
  'two rows have changed places': {
    table: 'ai_job',
    sql: [
      'UPDATE $place SET id = -1 WHERE id = 1 AND $acme',
      'UPDATE $place SET id = 1 WHERE id = 2 AND $acme',
      'UPDATE $place SET id = 2 WHERE id = -1 AND $acme',
    ],
    seen: { '{"id":1}': ['*'], '{"id":2}': ['*'] },
  },
  'one value of two rows has changed places': {
    table: 'auth_user',
    sql: [
      `UPDATE $place SET username = 'swap' WHERE id = 1 AND $acme`,
      `UPDATE $place SET username = '1' WHERE id = 2 AND $acme`,
    ],
    seen: { '{"id":1}': ['username'], '{"id":2}': ['username'] },
  },
  'an integer differs by one bit': {
    table: 'ai_job',
    sql: ['UPDATE $place SET prompt_tokens = prompt_tokens # 1 WHERE id = 2 AND $acme'],
    seen: { '{"id":2}': ['prompt_tokens'] },
  },
  'a bigint differs beyond what a double can hold': change('big', '9007199254740992'),
  'a double differs in its last bit': change('ratio', '0.30000000000000009', 4),
  'zero has become minus zero': change('ratio', "'-0'"),
  'NaN has become NULL': change('ratio', 'NULL', 3),
  'numeric NaN has become NULL': change('amount', 'NULL', 3),
  'a real is infinite the other way': change('small', "'-Infinity'", 3),
  'a numeric has another scale': change('amount', '1.00'),
  'an array of numerics has another scale': change('numbers', "'{1.00,2}'"),
  'a boolean is NULL': change('flag', 'NULL', 3),
  'a boolean is the other one': change('flag', 'false'),
  'an empty text has become NULL': change('note', 'NULL', 2),
  'NULL has become an empty text': change('note', "''", 3),
  'NULL has become the word': change('note', "'NULL'", 3),
  'a text has a space behind it': change('note', "'plain '"),
  'a text has lost its last letter': change('note', "'plai'"),
  'a text has another line end': change('note', "E'plain\\r\\n'"),
  'a text is of other letters that look the same': change('label', "normalize('é', NFD)", 4),
  'a citext is in the other case': change('name', "'ada'"),
  'a char(n) has become NULL': change('code', 'NULL', 3),
  'a time differs by a microsecond': change('seen', "seen + interval '1 microsecond'"),
  'a time has moved by its zone': change('seen', "seen + interval '1 hour'", 4),
  'a time without zone has moved': change('local', "local - interval '5 hours 30 minutes'"),
  'a time is infinite the other way': change('seen', "'-infinity'", 3),
  'a date is of the other era': change('day', "'0044-03-15'", 4),
  'a month has become thirty days': change('span', "'30 days'"),
  'twenty-four hours have become a day': change('span', "'1 day'", 4),
  'a number inside jsonb has another text': change('doc', `'{"a": 1.00, "b": [1, null]}'`),
  'a null inside jsonb has become NULL': change('doc', 'NULL', 3),
  'a list inside jsonb has another order': change('doc', `'{"a": 1.0, "b": [null, 1]}'`),
  'json has other spaces': change('raw', `'{"a":1.0}'`),
  'bytes differ by one bit': change('bytes', 'set_bit(bytes, 4, 1 - get_bit(bytes, 4))'),
  'a large value has lost its last byte': change('bytes', 'substr(bytes, 1, 299999)', 4),
  'no bytes have become NULL': change('bytes', 'NULL', 2),
  'an element that is NULL has become the word': change('words', `'{a,"NULL","NULL",""}'`),
  'an array begins elsewhere': change('words', "'{a,b}'", 4),
  'a uuid differs': change('uid', "'7d444840-9dc0-11d1-b245-5ffdce74fad3'"),
  'an amount of money differs': change('price', '1.51'),
  'a text key has a space behind it': {
    table: 'django_session',
    sql: [`UPDATE $place SET session_key = 'key ' WHERE session_key = 'key' AND $acme`],
    seen: { '{"session_key":"key"}': 'missing', '{"session_key":"key "}': 'too_many' },
  },
  'a text key is in the other case': {
    table: 'django_session',
    sql: [`UPDATE $place SET session_key = 'K-y' WHERE session_key = 'k-y' AND $acme`],
    seen: { '{"session_key":"k-y"}': 'missing', '{"session_key":"K-y"}': 'too_many' },
  },
};

/** Damages the table on one side; what is answered mends it. Triggers and foreign keys look away, as they do for a disk. */
export async function plant(
  house: VerifyHouse,
  side: Side,
  { table, sql }: Damage,
): Promise<() => Promise<void>> {
  const pool = side === 'legacy' ? house.legacy : house.fresh;
  const place = side === 'legacy' ? `acme.${table}` : `public.${table}`;
  const fence = side === 'legacy' ? 'true' : 'tenant_id = 1';
  const [tenant, one] = side === 'legacy' ? ['', ''] : ['tenant_id,', '1,'];
  const write = (text: string) =>
    text
      .replaceAll('$place', place)
      .replaceAll('$acme', fence)
      .replace('$tenant', tenant)
      .replace('$one', one);
  await run(pool, [`CREATE TABLE public.kept AS SELECT * FROM ${place}`, ...sql.map(write)]);
  return () =>
    run(pool, [
      `DELETE FROM ${place}`,
      `INSERT INTO ${place} SELECT * FROM public.kept`,
      'DROP TABLE public.kept',
    ]);
}

async function run(pool: pg.Pool, statements: readonly string[]): Promise<void> {
  await pool.query(
    ['BEGIN', 'SET LOCAL session_replication_role = replica', ...statements, 'COMMIT'].join('; '),
  );
}
