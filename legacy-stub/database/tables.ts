/**
 * One tenant's tables as its `0001_initial` migrations made them: Django's names for constraints and indexes, its deferred
 * foreign keys, serial ids that begin at 1 in every schema. Run with the search_path of the schema.
 */
export const TENANT_DDL = `
CREATE TABLE django_migrations (
  id serial PRIMARY KEY,
  app varchar(255) NOT NULL,
  name varchar(255) NOT NULL,
  applied timestamptz NOT NULL
);
CREATE TABLE auth_user (
  id serial PRIMARY KEY,
  password varchar(128) NOT NULL,
  last_login timestamptz NULL,
  username varchar(150) NOT NULL CONSTRAINT auth_user_username_key UNIQUE,
  first_name varchar(150) NOT NULL,
  last_name varchar(150) NOT NULL,
  email varchar(254) NOT NULL,
  is_staff boolean NOT NULL,
  is_active boolean NOT NULL,
  date_joined timestamptz NOT NULL
);
CREATE TABLE django_session (
  session_key varchar(40) PRIMARY KEY,
  session_data text NOT NULL,
  expire_date timestamptz NOT NULL
);
CREATE INDEX django_session_expire_date_a5c62663 ON django_session (expire_date);
CREATE TABLE ai_job (
  id serial PRIMARY KEY,
  model varchar(60) NOT NULL,
  prompt text NOT NULL,
  completion text NULL,
  status varchar(20) NOT NULL,
  prompt_tokens integer NOT NULL,
  completion_tokens integer NOT NULL,
  temperature double precision NOT NULL,
  cost numeric(10,4) NOT NULL,
  created_at timestamptz NOT NULL,
  finished_at timestamptz NULL,
  user_id integer NOT NULL CONSTRAINT ai_job_user_id_fk_auth_user_id REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX ai_job_user_id_5a1d7f20 ON ai_job (user_id);
CREATE TABLE chat_channel (
  id serial PRIMARY KEY,
  name varchar(80) NOT NULL,
  topic text NOT NULL,
  is_private boolean NOT NULL,
  created_at timestamptz NOT NULL,
  created_by_id integer NOT NULL CONSTRAINT chat_channel_created_by_id_fk_auth_user_id REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX chat_channel_created_by_id_2c0a9a8e ON chat_channel (created_by_id);
CREATE TABLE chat_message (
  id serial PRIMARY KEY,
  body text NOT NULL,
  metadata jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  edited_at timestamptz NULL,
  author_id integer NOT NULL CONSTRAINT chat_message_author_id_fk_auth_user_id REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED,
  channel_id integer NOT NULL CONSTRAINT chat_message_channel_id_fk_chat_channel_id REFERENCES chat_channel (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX chat_message_author_id_e7d2b1c4 ON chat_message (author_id);
CREATE INDEX chat_message_channel_id_9b1f0c3d ON chat_message (channel_id);
CREATE TABLE files_file (
  id serial PRIMARY KEY,
  name varchar(255) NOT NULL,
  content_type varchar(100) NOT NULL,
  size bigint NOT NULL,
  sha256 char(64) NOT NULL,
  created_at timestamptz NOT NULL,
  owner_id integer NOT NULL CONSTRAINT files_file_owner_id_fk_auth_user_id REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX files_file_owner_id_7c5e4d11 ON files_file (owner_id);
CREATE TABLE files_chunk (
  file_id integer NOT NULL CONSTRAINT files_chunk_file_id_fk_files_file_id REFERENCES files_file (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  seq integer NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (file_id, seq)
);`;

/** Contents are kept in rows of this size; every chunk of a file but its last is full. */
export const CHUNK_BYTES = 256 * 1024;

/** What a new schema's django_migrations says. */
export const INITIAL_MIGRATIONS = [
  ['auth', '0001_initial'],
  ['sessions', '0001_initial'],
  ['ai', '0001_initial'],
  ['chat', '0001_initial'],
  ['files', '0001_initial'],
] as const;
