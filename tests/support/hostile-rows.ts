/** A tenant's rows that a careless reader or writer gets wrong, in every table. `nr` makes each tenant's rows its own. */
export const hostileRows = (id: number, nr: number): string => `
BEGIN;
SELECT set_config('banyan.tenant_id', '${id}', true);
INSERT INTO auth_user (tenant_id, id, username, email, first_name, last_name, password, is_staff, is_active, date_joined, last_login) VALUES
  (${id}, 1, 'ada${nr}', '', E'O\\'Neil\\\\', E'\\\\.', E'\\\\N', false, true, '2026-01-05T09:30:00.123456Z', NULL),
  (${id}, 2, 'Zoë 😀', 'a@b.c', E'tab\\tnew\\nline\\rreturn', E'\\b\\f\\x0b', 'null', true, false, 'infinity', '-infinity'),
  (${id}, 2147483647, E'last\\u2028', '\\N', '"', '{"x": 1}', ' ', true, true, '0044-03-15 BC', '2024-02-29 23:59:59.999999+05:45');
INSERT INTO django_session (tenant_id, session_key, session_data, expire_date) VALUES
  (${id}, 'z', '', now()), (${id}, 'Z', E'\\\\.\\n\\\\.', now()), (${id}, 'ä', 'x', now()), (${id}, '', 'empty key', now()), (${id}, '-', 'x', now());
INSERT INTO ai_job (tenant_id, id, user_id, model, prompt, completion, status, prompt_tokens, completion_tokens, temperature, cost, created_at, finished_at) VALUES
  (${id}, 1, 1, 'm', '', NULL, '', 0, -1, '-0', 0, '2026-01-06T00:00:00.000001Z', NULL),
  (${id}, 2, 2, 'm', 'NULL', '', 'done', 2147483647, -2147483648, 'NaN', 'NaN', now(), now()),
  (${id}, 3, 2147483647, 'm', E'line\\u2028separator', E'\\\\', 'done', 1, 1, 'Infinity', 123456.7891, now(), NULL),
  (${id}, 4, 1, 'm', E'\\n', E'a\\\\tb', 'done', 1, 1, '-Infinity', -0.0001, now(), NULL),
  (${id}, 5, 1, 'm', repeat('long ', 50000), 'x', 'done', 1, 1, 5e-324, 1.5, now(), NULL),
  (${id}, 6, 1, 'm', 'sum', 'x', 'done', 1, 1, 0.1::float8 + 0.2, 1.50, now(), NULL),
  (${id}, 7, 1, 'm', 'big', 'x', 'done', 1, 1, 1.7976931348623157e308, 0, now(), NULL);
INSERT INTO chat_channel (tenant_id, id, name, topic, is_private, created_by_id) VALUES
  (${id}, 1, 'general', '', false, 1), (${id}, 2, E'\\\\.', E'\\\\.\\n', true, 2);
INSERT INTO chat_message (tenant_id, id, channel_id, author_id, body, metadata, edited_at) VALUES
  (${id}, 1, 1, 1, '  spaces kept  ', '{}', NULL),
  (${id}, 2, 1, 2, 'jsonb', '{"one": 1.0, "tiny": 1e-5, "big": 12345678901234567890.50, "list": [1, 2.50, -0, null, true], "a, b": "c: d", "q\\"d": "b\\\\s", "": []}', now()),
  (${id}, 3, 2, 2147483647, E'\\u0001\\u001f', '"\\u2028 😀 \\u001f"', now()), (${id}, 4, 2, 1, '', 'null', NULL);
INSERT INTO files_file (tenant_id, id, owner_id, name, content_type, size, sha256) VALUES
  (${id}, 1, 1, 'räksmörgås "x".txt', 'text/plain', 9007199254740993, encode(sha256('x'), 'hex')), (${id}, 2, 2, 'short', '', -1, 'a');
INSERT INTO files_chunk (tenant_id, file_id, seq, data) VALUES
  (${id}, 1, 0, '\\x00ff5c270a0d2e'), (${id}, 1, 1, ''), (${id}, 2, 0, decode(repeat('0a5c2e0a', 40000), 'hex'));
INSERT INTO banyan.id_counter (tenant_id, table_name, last_id) VALUES
  (${id}, 'auth_user', 2147483647), (${id}, 'ai_job', ${100 + nr}), (${id}, 'chat_channel', 2), (${id}, 'chat_message', 4), (${id}, 'files_file', 9);
COMMIT;
`;
