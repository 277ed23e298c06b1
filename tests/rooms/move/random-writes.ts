/** Writes to legacy's schema of one tenant, chosen by a seed: every kind of change to every table, valid for legacy at any time. */
export function randomWrites(seed: number, schema: string): () => readonly string[] {
  const random = mulberry32(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const any = (table: string) =>
    `(SELECT id FROM ${schema}.${table} ORDER BY md5(id::text || '${below(1000)}') LIMIT 1)`;
  const text = () => `'${pick(TEXTS)}${below(100)}'`;
  let fresh = 0;

  const writes: readonly (() => string)[] = [
    () => {
      fresh += 1;
      return `INSERT INTO ${schema}.auth_user (username, email, first_name, last_name, password, is_staff, is_active, date_joined)
        VALUES ('new_${seed}_${fresh}', '', ${text()}, '', '', ${random() < 0.5}, true, now() - interval '${below(1e6)} us')`;
    },
    () =>
      `UPDATE ${schema}.auth_user SET last_login = ${pick(['NULL', 'now()', 'last_login'])}, first_name = ${text()} WHERE id % 7 = ${below(7)}`,
    () => `INSERT INTO ${schema}.ai_job (user_id, model, prompt, completion, status, prompt_tokens, completion_tokens, temperature, cost, created_at)
      SELECT ${any('auth_user')}, 'm', ${text()}, ${pick(['NULL', text()])}, 's', ${below(9)}, ${below(9)}, ${pick(FLOATS)}, ${below(1e9)} / 10000.0, now() FROM generate_series(1, ${1 + below(3)})`,
    () =>
      `UPDATE ${schema}.ai_job SET cost = cost * 1.5, temperature = ${pick(FLOATS)}, status = ${text()} WHERE id % ${3 + below(9)} = 0 AND cost < 1000`,
    () => `DELETE FROM ${schema}.ai_job WHERE id = ${any('ai_job')}`,
    () => `UPDATE ${schema}.ai_job SET id = id + 1000000 WHERE id = ${any('ai_job')} AND id < 900000`,
    () =>
      `INSERT INTO ${schema}.chat_channel (name, topic, is_private, created_at, created_by_id) VALUES (${text()}, '', true, now(), ${any('auth_user')})`,
    () => `INSERT INTO ${schema}.chat_message (channel_id, author_id, body, metadata, created_at)
      VALUES (${any('chat_channel')}, ${any('auth_user')}, repeat(${text()}, ${1 + below(3000)}), '{"n": ${pick(FLOATS).replaceAll("'", '').replace('NaN', '1')}, "b": 1.${below(9)}0}', now())`,
    () =>
      `UPDATE ${schema}.chat_message SET edited_at = now(), metadata = metadata || '{"e": ${below(9)}}' WHERE id = ${any('chat_message')} AND jsonb_typeof(metadata) = 'object'`,
    () =>
      `DELETE FROM ${schema}.chat_message WHERE id IN (SELECT id FROM ${schema}.chat_message ORDER BY md5(id::text || '${below(99)}') LIMIT ${below(4)})`,
    // A channel with its messages, parents first: the foreign keys are checked at the end.
    () => `WITH gone AS (DELETE FROM ${schema}.chat_channel WHERE id = (SELECT max(id) FROM ${schema}.chat_channel WHERE id > 2) RETURNING id)
      DELETE FROM ${schema}.chat_message WHERE channel_id IN (SELECT id FROM gone)`,
    () => `WITH f AS (INSERT INTO ${schema}.files_file (name, content_type, size, sha256, created_at, owner_id)
        VALUES (${text()}, 'x', ${below(1e6)}, md5('${below(99)}'), now(), ${any('auth_user')}) RETURNING id)
      INSERT INTO ${schema}.files_chunk SELECT id, s, decode(repeat(md5(s::text), ${below(200)}), 'hex') FROM f, generate_series(0, ${below(3)}) s`,
    () => `DELETE FROM ${schema}.files_file WHERE id = ${any('files_file')}`,
    () =>
      `UPDATE ${schema}.files_chunk SET data = data || '\\x00ff', seq = seq + 100 WHERE file_id = ${any('files_file')} AND seq < 500`,
    () =>
      `INSERT INTO ${schema}.django_session VALUES (md5('${below(12)}'), ${text()}, now()) ON CONFLICT (session_key) DO UPDATE SET session_data = EXCLUDED.session_data, expire_date = now()`,
    () => `DELETE FROM ${schema}.django_session WHERE session_key = md5('${below(12)}')`,
    // Names change places, by way of a third.
    () => `UPDATE ${schema}.auth_user SET username = 'swap' WHERE id = 1; UPDATE ${schema}.auth_user SET username = 'one_${below(9)}' WHERE id = 2;
      UPDATE ${schema}.auth_user SET username = 'two_${below(9)}' WHERE id = 1`,
  ];
  return () => Array.from({ length: 1 + below(5) }, () => pick(writes)());
}

const TEXTS = ['plain ', 'é😀 ', '"quoted" ', 'back\\slash ', '{"json": 1} ', '', '  '];
const FLOATS = ['0', "'-0'", '0.1', '1e-05', '1e16', '0.30000000000000004', "'NaN'"];

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
