/** Rows that a careless reader gets wrong, put into acme on both sides: number forms, microseconds, odd letters, nobody's work. */
export const EDGE_ROWS = `
SET search_path TO acme;
INSERT INTO auth_user (username, email, first_name, last_name, password, is_staff, is_active, date_joined)
SELECT 'gone', 'gone@acme.example', 'Gone', '', password, false, false, '2026-01-02T03:04:05.000007Z' FROM auth_user WHERE id = 1;
INSERT INTO ai_job (user_id, model, prompt, completion, status, prompt_tokens, completion_tokens, temperature, cost, created_at, finished_at) VALUES
  (1, 'banyan-small', E'line\\u2028separator, tab\\tand "quotes" \\\\ / é 😀', 'ok', 'done', 6, 1, 1e-05, 0.0007, '2026-01-06T00:00:00.000001Z', '2026-01-06T00:00:00.1Z'),
  (2, 'banyan-small', 'huge', NULL, 'failed', 1, 0, 1e16, 0, '2026-01-06T00:00:01Z', NULL),
  (3, 'banyan-small', 'plain', NULL, 'running', 1, 0, 1, 0, '2026-01-06T00:00:02.120000Z', NULL),
  (4, 'banyan-small', 'sum', 'x', 'done', 1, 1, 0.30000000000000004, 123456.7891, '2026-01-06T00:00:03Z', '2026-01-06T00:00:04.999999Z'),
  (5, 'banyan-small', 'tie', 'x', 'done', 1, 1, 123456789012345.6, 1.5, '2026-01-06T00:00:05Z', '2026-01-06T00:00:06Z');
INSERT INTO chat_message (channel_id, author_id, body, metadata, created_at, edited_at) VALUES
  (1, 1, E'numbers\\u2028', '{"one": 1.0, "tiny": 1e-5, "big": 1E+16, "list": [1, 2.50, -0, null, true], "nested": {"b": 1, "a": {}}}', '2026-01-07T00:00:00.000100Z', NULL),
  (1, 2, 'strings', '{"a, b": "c: d", "quote\\"d": "back\\\\slash", "é": "\\u2028 😀 \\u001f", "": [], "z z": "  "}', '2026-01-07T00:00:01Z', '2026-01-07T00:00:01.5Z'),
  (1, 3, '  spaces kept  ', '{}', '2026-01-07T00:00:02Z', NULL);
INSERT INTO chat_channel (name, topic, is_private, created_at, created_by_id) VALUES
  ('Zebra', 'upper case sorts first', true, '2026-01-07T00:00:00.000001Z', 1), ('äpfel', '', false, '2026-01-07T00:00:00Z', 2);
INSERT INTO files_file (name, content_type, size, sha256, created_at, owner_id) VALUES
  ('räksmörgås "x".txt', 'text/plain', 10, encode(sha256('0123456789'), 'hex'), '2026-01-08T00:00:00.999999Z', 1),
  ('back\\slash "q".txt', 'text/plain', 10, encode(sha256('0123456789'), 'hex'), '2026-01-08T00:00:01Z', 1);
INSERT INTO files_chunk (file_id, seq, data) SELECT id, 0, '0123456789' FROM files_file WHERE size = 10;
`;
