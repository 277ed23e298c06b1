-- Who owns a tenant's feature, and what carries the rows of a feature that the new side owns back to legacy (docs/moving.md).
-- Run it as banyan_owner.

-- One counter for everything that instances of the gateway must know before the next step is taken. Whoever changes a move or a tenure
-- raises it in the same transaction, so that changes come one after the other.
CREATE TABLE banyan.epoch (
  only_one boolean NOT NULL DEFAULT true,
  epoch    bigint  NOT NULL,
  CONSTRAINT epoch_pkey PRIMARY KEY (only_one),
  CONSTRAINT epoch_only_one CHECK (only_one)
);
INSERT INTO banyan.epoch (epoch) VALUES (1);
GRANT SELECT, UPDATE (epoch) ON banyan.epoch TO banyan_app;

CREATE FUNCTION banyan.next_epoch() RETURNS bigint LANGUAGE sql AS $$
  SELECT pg_notify('banyan_tenure', '');
  UPDATE banyan.epoch SET epoch = epoch + 1 RETURNING epoch;
$$;

-- Features whose rows are being moved. While it is not retired each of its tenants has exactly one owner, and the other side's writes are
-- refused or named. A feature without a line here is not fenced: writes go where its flag says.
CREATE TABLE banyan.move (
  feature    text        NOT NULL,
  tables     text[]      NOT NULL,
  state      text        NOT NULL,
  epoch      bigint      NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT move_pkey PRIMARY KEY (feature),
  CONSTRAINT move_state_known CHECK (state IN ('moving', 'paused', 'retired'))
);
GRANT SELECT, INSERT, UPDATE ON banyan.move TO banyan_app;

-- Control tables say tenant, not tenant_id: they hold no tenant's data and have no fence.
-- No line: legacy owns it, settled. While a step other than 'settled' is taken the feature's writes of this tenant wait.
--   holding    the owner is as before; instances keep writes back and let those under way end
--   switched   the owner is the other one; nobody writes yet
CREATE TABLE banyan.tenure (
  tenant     integer     NOT NULL,
  feature    text        NOT NULL,
  owner      text        NOT NULL,
  step       text        NOT NULL,
  epoch      bigint      NOT NULL,
  -- The place in legacy's log at which the owner changed last: what others wrote before it counted, or did not, by the owner before.
  since      pg_lsn,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT tenure_pkey PRIMARY KEY (tenant, feature),
  CONSTRAINT tenure_move_fkey FOREIGN KEY (feature) REFERENCES banyan.move (feature),
  CONSTRAINT tenure_owner_known CHECK (owner IN ('legacy', 'new')),
  CONSTRAINT tenure_step_known CHECK (step IN ('settled', 'holding', 'switched'))
);
CREATE INDEX tenure_epoch_idx ON banyan.tenure (epoch);
GRANT SELECT, INSERT, UPDATE ON banyan.tenure TO banyan_app;

-- The processes that answer requests. Each says up to which epoch it acts, and until when it may act on what it knows. By the
-- database's clock.
CREATE TABLE banyan.instance (
  id          text        NOT NULL,
  name        text        NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL,
  epoch       bigint      NOT NULL,
  CONSTRAINT instance_pkey PRIMARY KEY (id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan.instance TO banyan_app;

-- What the new side wrote to rows that it owns, to be carried back to legacy. Within a tenant the order of ids is an order in which the
-- writes could have happened one after the other: whoever changes a row, or hangs one on it, waits for the one before. Ids of
-- transactions that are still open may be lower than ones that are visible: read up to pg_snapshot_xmin only.
CREATE TABLE banyan.outbox (
  tenant_id  integer     NOT NULL,
  id         bigint      GENERATED ALWAYS AS IDENTITY,
  xid        xid8        NOT NULL DEFAULT pg_current_xact_id(),
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  feature    text        NOT NULL,
  table_name text        NOT NULL,
  change     text        NOT NULL,
  -- The row's key without its tenant, as it was before.
  key        json        NOT NULL,
  image      json,
  CONSTRAINT outbox_pkey PRIMARY KEY (tenant_id, id),
  CONSTRAINT outbox_change_known CHECK (change IN ('insert', 'update', 'delete'))
);
SELECT banyan.fence('banyan.outbox');
GRANT SELECT, INSERT, DELETE ON banyan.outbox TO banyan_app;

-- Who has put something into the outbox: a line for each transaction, so that nobody has to look behind 400 fences. Whoever has carried
-- back what a line tells of takes it away.
CREATE TABLE banyan.outbox_tenant (
  tenant    integer NOT NULL,
  xid       xid8    NOT NULL DEFAULT pg_current_xact_id(),
  CONSTRAINT outbox_tenant_pkey PRIMARY KEY (tenant, xid)
);
GRANT SELECT, INSERT, DELETE ON banyan.outbox_tenant TO banyan_app;

-- Writes on legacy to rows that the new side owns, and nobody of ours made: a job, a console, a route that the table does not list.
CREATE TABLE banyan.stranger (
  tenant_id  integer     NOT NULL,
  id         bigint      GENERATED ALWAYS AS IDENTITY,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  position   pg_lsn      NOT NULL,
  feature    text        NOT NULL,
  table_name text        NOT NULL,
  change     text        NOT NULL,
  key        json        NOT NULL,
  CONSTRAINT stranger_pkey PRIMARY KEY (tenant_id, id)
);
SELECT banyan.fence('banyan.stranger');
GRANT SELECT, INSERT, DELETE ON banyan.stranger TO banyan_app;

-- What the mover is asked to do, and how it went. The app role cannot remove a line.
CREATE TABLE banyan.move_order (
  id         bigint      GENERATED ALWAYS AS IDENTITY,
  feature    text        NOT NULL,
  tenant     integer     NOT NULL,
  "order"    text        NOT NULL,
  author     text        NOT NULL,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  state      text        NOT NULL DEFAULT 'waiting',
  detail     text,
  held_ms    double precision,
  ended_at   timestamptz,
  CONSTRAINT move_order_pkey PRIMARY KEY (id),
  CONSTRAINT move_order_order_known CHECK ("order" IN ('hand_over', 'hand_back', 'verify')),
  CONSTRAINT move_order_state_known CHECK (state IN ('waiting', 'running', 'done', 'failed'))
);
CREATE UNIQUE INDEX move_order_open_idx ON banyan.move_order (tenant, feature) WHERE state IN ('waiting', 'running');
GRANT SELECT, INSERT, UPDATE (state, detail, held_ms, ended_at) ON banyan.move_order TO banyan_app;

-- An ordinary write of the new side. Looks once per transaction and table.
--   a feature that is moved and the new side owns   each change is put into the outbox
--   a feature that is moved and legacy owns         refused (SQLSTATE BN001): exactly one side writes
--   any other                                       as before: the tenant's table is apart from legacy
-- Who changes the owner holds the same lock alone: it waits for the writers under way, and later ones see its word.
CREATE OR REPLACE FUNCTION banyan.part_rows() RETURNS trigger LANGUAGE plpgsql
  SET TimeZone = 'UTC' SET bytea_output = 'hex' AS $$
DECLARE
  looked text := COALESCE(current_setting('banyan.looked', true), '');
  owned  text := COALESCE(current_setting('banyan.owned', true), '');
  writer integer := COALESCE(NEW.tenant_id, OLD.tenant_id);
  place  text := ' ' || writer || '/' || TG_ARGV[0] || ' ';
  moved  text;
BEGIN
  IF strpos(looked, place) > 0 THEN
    RETURN NULL;
  END IF;
  IF strpos(owned, place) = 0 THEN
    SELECT feature INTO moved FROM banyan.move WHERE state <> 'retired' AND TG_ARGV[0] = ANY (tables);
    IF NOT FOUND THEN
      PERFORM set_config('banyan.looked', looked || place, true);
      IF EXISTS (SELECT FROM banyan.followed_tenant f WHERE f.tenant_id = writer)
        AND NOT EXISTS (SELECT FROM banyan.row_standing s WHERE s.tenant_id = writer AND s.table_name = TG_ARGV[0]) THEN
        INSERT INTO banyan.row_standing (tenant_id, table_name) VALUES (writer, TG_ARGV[0]) ON CONFLICT DO NOTHING;
      END IF;
      RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(writer, hashtext('banyan tenure ' || moved));
    PERFORM FROM banyan.tenure t WHERE t.tenant = writer AND feature = moved AND owner = 'new';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'legacy owns % of tenant %: the new side may not write %', moved, writer, TG_ARGV[0]
        USING ERRCODE = 'BN001', HINT = 'Hand the feature over first: banyan move hand-over ' || moved;
    END IF;
    PERFORM set_config('banyan.owned', owned || place, true);
    INSERT INTO banyan.outbox_tenant (tenant) VALUES (writer) ON CONFLICT DO NOTHING;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD *= NEW THEN
    RETURN NULL;
  END IF;
  PERFORM banyan.put_out(writer, TG_ARGV[0], lower(TG_OP), TG_ARGV[1]::text[],
    CASE WHEN TG_OP = 'INSERT' THEN row_to_json(NEW) ELSE row_to_json(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN row_to_json(NEW) END);
  RETURN NULL;
END $$;

-- One change into the outbox; `keys` are the key's columns without the tenant, `shown` the row that has the key as it was before.
CREATE FUNCTION banyan.put_out(tenant integer, target text, change text, keys text[], shown json, image json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name     text;
  key_text text;
BEGIN
  FOREACH name IN ARRAY keys LOOP
    key_text := concat(key_text || ',', to_json(name), ':', shown -> name);
  END LOOP;
  INSERT INTO banyan.outbox (tenant_id, feature, table_name, change, key, image)
    SELECT tenant, m.feature, target, put_out.change, ('{' || key_text || '}')::json, put_out.image
    FROM banyan.move m WHERE target = ANY (m.tables);
END $$;

-- As before, and the trigger that stands for ordinary writes knows the key's columns.
CREATE OR REPLACE FUNCTION banyan.watch_rows(target regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  keys text[] := (SELECT array_agg(a.attname::text ORDER BY k.nr) FROM pg_index i
    CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, nr)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = target AND i.indisprimary AND a.attname <> 'tenant_id');
  bytes text[] := ARRAY(SELECT attname::text FROM pg_attribute
    WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND atttypid = 'bytea'::regtype ORDER BY attnum);
  foreign_key name;
BEGIN
  EXECUTE format('CREATE OR REPLACE TRIGGER row_journal AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
    'WHEN (COALESCE(current_setting(''banyan.note'', true), '''') NOT IN ('''', ''copy'', ''rewind'')) '
    'EXECUTE FUNCTION banyan.journal_row(%L, %L, %L)', target, target, keys, bytes);
  EXECUTE format('CREATE OR REPLACE TRIGGER row_standing AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
    'WHEN (COALESCE(current_setting(''banyan.note'', true), '''') = '''') '
    'EXECUTE FUNCTION banyan.part_rows(%L, %L)', target, target, keys);
  FOR foreign_key IN SELECT conname FROM pg_constraint
    WHERE conrelid = target AND contype = 'f' AND conparentid = 0 AND NOT condeferrable LOOP
    EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY IMMEDIATE', target, foreign_key);
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION banyan.next_epoch(), banyan.put_out(integer, text, text, text[], json, json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION banyan.next_epoch(), banyan.put_out(integer, text, text, text[], json, json) TO banyan_app;

SELECT banyan.watch_rows(oid::regclass) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'p' AND NOT relispartition ORDER BY relname;
