-- The new store: one set of tables for all tenants, cut by tenant_id, fenced by row-level security.
-- Plain SQL, because Prisma's schema language knows neither partitions nor policies (prisma/orm#1708).
-- Run it as the owner of the database (banyan_owner); the role banyan_app must exist already (docs/store.md).

CREATE SCHEMA banyan;
REVOKE ALL ON SCHEMA banyan FROM PUBLIC;
GRANT USAGE ON SCHEMA banyan TO banyan_app;
GRANT USAGE ON SCHEMA public TO banyan_app;

-- Fences one table: without a tenant set there are no rows at all, not even for the owner. An unset setting is '' after its
-- first use in a connection, hence NULLIF. The setting's name is a contract between this line and src/store.
CREATE FUNCTION banyan.fence(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format(
    'CREATE POLICY own_tenant ON %s USING (tenant_id = NULLIF(current_setting(''banyan.tenant_id'', true), '''')::int) '
    'WITH CHECK (tenant_id = NULLIF(current_setting(''banyan.tenant_id'', true), '''')::int)', target);
END $$;

-- Cuts one table PARTITION BY LIST (tenant_id): a default partition that is hashed into 16 buckets for ordinary tenants, so that a
-- giant can later get a list partition of its own (hash partitions cannot hold one tenant alone). Fences every level, and gives the
-- app role rights on the table itself only: reading a partition directly would pass by the parent's policy.
CREATE FUNCTION banyan.make_tenant_table(target regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  base text := (SELECT relname FROM pg_class WHERE oid = target);
BEGIN
  EXECUTE format('CREATE TABLE %I PARTITION OF %s DEFAULT PARTITION BY HASH (tenant_id)', base || '_shared', target);
  FOR bucket IN 0..15 LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
      base || '_h' || lpad(bucket::text, 2, '0'), base || '_shared', bucket);
    PERFORM banyan.fence((base || '_h' || lpad(bucket::text, 2, '0'))::regclass);
  END LOOP;
  PERFORM banyan.fence((base || '_shared')::regclass);
  PERFORM banyan.fence(target);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO banyan_app', target);
END $$;

REVOKE ALL ON FUNCTION banyan.fence(regclass), banyan.make_tenant_table(regclass) FROM PUBLIC;

-- Which tenants there are. The id is legacy's.
CREATE TABLE tenant (
  id         integer     NOT NULL,
  name       varchar(63) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT tenant_pkey PRIMARY KEY (id),
  CONSTRAINT tenant_name_key UNIQUE (name),
  CONSTRAINT tenant_id_positive CHECK (id > 0)
);
GRANT SELECT ON tenant TO banyan_app;

-- The product's tables: legacy's columns with tenant_id in front, in every key and every foreign key. Ids are legacy's: per tenant.
-- Only the tables that hang on no other one refer to the registry; the rest reach it through them.

CREATE TABLE auth_user (
  tenant_id   integer      NOT NULL,
  id          integer      NOT NULL,
  username    varchar(150) NOT NULL,
  email       varchar(254) NOT NULL,
  first_name  varchar(150) NOT NULL,
  last_name   varchar(150) NOT NULL,
  password    varchar(128) NOT NULL,
  is_staff    boolean      NOT NULL,
  is_active   boolean      NOT NULL,
  date_joined timestamptz  NOT NULL DEFAULT now(),
  last_login  timestamptz,
  CONSTRAINT auth_user_pkey PRIMARY KEY (tenant_id, id),
  CONSTRAINT auth_user_username_key UNIQUE (tenant_id, username),
  CONSTRAINT auth_user_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (id)
) PARTITION BY LIST (tenant_id);

CREATE TABLE django_session (
  tenant_id    integer     NOT NULL,
  session_key  varchar(40) NOT NULL,
  session_data text        NOT NULL,
  expire_date  timestamptz NOT NULL,
  CONSTRAINT django_session_pkey PRIMARY KEY (tenant_id, session_key),
  CONSTRAINT django_session_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (id)
) PARTITION BY LIST (tenant_id);
CREATE INDEX django_session_expire_date_idx ON django_session (tenant_id, expire_date);

CREATE TABLE ai_job (
  tenant_id         integer          NOT NULL,
  id                integer          NOT NULL,
  user_id           integer          NOT NULL,
  model             varchar(60)      NOT NULL,
  prompt            text             NOT NULL,
  completion        text,
  status            varchar(20)      NOT NULL,
  prompt_tokens     integer          NOT NULL,
  completion_tokens integer          NOT NULL,
  temperature       double precision NOT NULL,
  cost              numeric(10,4)    NOT NULL,
  created_at        timestamptz      NOT NULL DEFAULT now(),
  finished_at       timestamptz,
  CONSTRAINT ai_job_pkey PRIMARY KEY (tenant_id, id),
  CONSTRAINT ai_job_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES auth_user (tenant_id, id)
) PARTITION BY LIST (tenant_id);
CREATE INDEX ai_job_user_idx ON ai_job (tenant_id, user_id);

CREATE TABLE chat_channel (
  tenant_id     integer     NOT NULL,
  id            integer     NOT NULL,
  name          varchar(80) NOT NULL,
  topic         text        NOT NULL,
  is_private    boolean     NOT NULL,
  created_by_id integer     NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT chat_channel_pkey PRIMARY KEY (tenant_id, id),
  CONSTRAINT chat_channel_created_by_fkey FOREIGN KEY (tenant_id, created_by_id) REFERENCES auth_user (tenant_id, id)
) PARTITION BY LIST (tenant_id);
CREATE INDEX chat_channel_created_by_idx ON chat_channel (tenant_id, created_by_id);

CREATE TABLE chat_message (
  tenant_id  integer     NOT NULL,
  id         integer     NOT NULL,
  channel_id integer     NOT NULL,
  author_id  integer     NOT NULL,
  body       text        NOT NULL,
  metadata   jsonb       NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  edited_at  timestamptz,
  CONSTRAINT chat_message_pkey PRIMARY KEY (tenant_id, id),
  CONSTRAINT chat_message_channel_fkey FOREIGN KEY (tenant_id, channel_id) REFERENCES chat_channel (tenant_id, id),
  CONSTRAINT chat_message_author_fkey FOREIGN KEY (tenant_id, author_id) REFERENCES auth_user (tenant_id, id)
) PARTITION BY LIST (tenant_id);
CREATE INDEX chat_message_channel_idx ON chat_message (tenant_id, channel_id, id);
CREATE INDEX chat_message_author_idx ON chat_message (tenant_id, author_id);

CREATE TABLE files_file (
  tenant_id    integer      NOT NULL,
  id           integer      NOT NULL,
  owner_id     integer      NOT NULL,
  name         varchar(255) NOT NULL,
  content_type varchar(100) NOT NULL,
  size         bigint       NOT NULL,
  sha256       char(64)     NOT NULL,
  created_at   timestamptz  NOT NULL DEFAULT now(),
  CONSTRAINT files_file_pkey PRIMARY KEY (tenant_id, id),
  CONSTRAINT files_file_owner_fkey FOREIGN KEY (tenant_id, owner_id) REFERENCES auth_user (tenant_id, id)
) PARTITION BY LIST (tenant_id);
CREATE INDEX files_file_owner_idx ON files_file (tenant_id, owner_id);

CREATE TABLE files_chunk (
  tenant_id integer NOT NULL,
  file_id   integer NOT NULL,
  seq       integer NOT NULL,
  data      bytea   NOT NULL,
  CONSTRAINT files_chunk_pkey PRIMARY KEY (tenant_id, file_id, seq),
  CONSTRAINT files_chunk_file_fkey FOREIGN KEY (tenant_id, file_id) REFERENCES files_file (tenant_id, id) ON DELETE CASCADE
) PARTITION BY LIST (tenant_id);

SELECT banyan.make_tenant_table('auth_user');
SELECT banyan.make_tenant_table('django_session');
SELECT banyan.make_tenant_table('ai_job');
SELECT banyan.make_tenant_table('chat_channel');
SELECT banyan.make_tenant_table('chat_message');
SELECT banyan.make_tenant_table('files_file');
SELECT banyan.make_tenant_table('files_chunk');

-- The last id given, per tenant and table: continues legacy's serials. A transaction that takes an id holds the row until it ends,
-- and a rehearsal's ids are given back.
CREATE TABLE banyan.id_counter (
  tenant_id  integer NOT NULL,
  table_name text    NOT NULL,
  last_id    integer NOT NULL,
  CONSTRAINT id_counter_pkey PRIMARY KEY (tenant_id, table_name),
  CONSTRAINT id_counter_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (id)
);
SELECT banyan.fence('banyan.id_counter');
GRANT SELECT, INSERT, UPDATE ON banyan.id_counter TO banyan_app;

-- Control tables: the gateway's own. They name tenants, but hold no tenant's data, so they have no tenant_id and no fence.

-- API keys, hashed. A key can be made and revoked, and nothing else of it can change.
CREATE TABLE banyan.api_key (
  id         text        NOT NULL,
  hash       char(64)    NOT NULL,
  tenant     varchar(63) NOT NULL,
  user_id    integer     NOT NULL,
  scopes     text[]      NOT NULL,
  label      text        NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT api_key_pkey PRIMARY KEY (id),
  CONSTRAINT api_key_hash_key UNIQUE (hash)
);
CREATE INDEX api_key_revoked_at_idx ON banyan.api_key (revoked_at) WHERE revoked_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE (revoked_at) ON banyan.api_key TO banyan_app;

-- Graves of ended sessions, whichever side began them; the session key is hashed.
CREATE TABLE banyan.ended_session (
  tenant   varchar(63) NOT NULL,
  hash     char(64)    NOT NULL,
  ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT ended_session_pkey PRIMARY KEY (tenant, hash)
);
CREATE INDEX ended_session_ended_at_idx ON banyan.ended_session (ended_at);
GRANT SELECT, INSERT ON banyan.ended_session TO banyan_app;

-- The audit log. The app role can add to it and read it; nothing it runs can change or remove a line.
CREATE TABLE banyan.flip (
  id          bigint      GENERATED ALWAYS AS IDENTITY,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  author      text        NOT NULL,
  reason      text        NOT NULL,
  subject     text        NOT NULL,
  change      text        NOT NULL,
  before      text        NOT NULL,
  after       text        NOT NULL,
  before_text text        NOT NULL,
  after_text  text        NOT NULL,
  undoes      bigint,
  CONSTRAINT flip_pkey PRIMARY KEY (id),
  CONSTRAINT flip_undoes_key UNIQUE (undoes),
  CONSTRAINT flip_undoes_fkey FOREIGN KEY (undoes) REFERENCES banyan.flip (id)
);
GRANT SELECT, INSERT ON banyan.flip TO banyan_app;

-- So that start-up can tell whether the migrations it was built with are all there. Absent where Prisma replays this file elsewhere.
DO $$ BEGIN
  IF to_regclass('public._prisma_migrations') IS NOT NULL THEN
    GRANT SELECT ON public._prisma_migrations TO banyan_app;
  END IF;
END $$;
