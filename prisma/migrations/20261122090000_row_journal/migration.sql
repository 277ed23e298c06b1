-- Rows that follow legacy, and the way back: a journal of what happened to them, minutes long, so that a rehearsal can see them as they
-- were when legacy answered (docs/following.md). Run it as banyan_owner.
--
-- What a transaction says of itself in the setting banyan.note (transaction-local, a contract between this file and src/store):
--   follow:16/B374D848   legacy's change, committed there: journalled with that position
--   rehearse             will be undone: journalled without a position, undone with everything else
--   copy, rewind         nothing is noted
--   unset                an ordinary write of the new side: from now on the tenant's table is apart from legacy

CREATE TABLE banyan.row_change (
  tenant_id  integer     NOT NULL,
  id         bigint      GENERATED ALWAYS AS IDENTITY,
  position   pg_lsn,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  table_name text        NOT NULL,
  change     text        NOT NULL,
  -- json and not jsonb: it keeps every value as PostgreSQL wrote it, also -0 and 1e-05, and the columns in their order.
  key        json        NOT NULL,
  before     json,
  after      json,
  CONSTRAINT row_change_pkey PRIMARY KEY (tenant_id, id),
  CONSTRAINT row_change_change_known CHECK (change IN ('insert', 'update', 'delete'))
);
CREATE INDEX row_change_position_idx ON banyan.row_change (tenant_id, position);
SELECT banyan.fence('banyan.row_change');
GRANT SELECT, INSERT, DELETE ON banyan.row_change TO banyan_app;

-- Tables that legacy no longer owns alone, and since when.
CREATE TABLE banyan.row_standing (
  tenant_id   integer     NOT NULL,
  table_name  text        NOT NULL,
  apart_since timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT row_standing_pkey PRIMARY KEY (tenant_id, table_name)
);
SELECT banyan.fence('banyan.row_standing');
GRANT SELECT, INSERT ON banyan.row_standing TO banyan_app;

-- How far legacy has been applied, by replication slot: everything it committed up to and including this position. Changes together
-- with the rows. Up to forgotten_to the journal may be gone.
CREATE TABLE banyan.follow_position (
  slot         text   NOT NULL,
  position     pg_lsn NOT NULL,
  forgotten_to pg_lsn NOT NULL,
  CONSTRAINT follow_position_pkey PRIMARY KEY (slot)
);
GRANT SELECT, UPDATE ON banyan.follow_position TO banyan_app;

-- Tenants whose rows were copied at from_position and have followed the slot since.
CREATE TABLE banyan.followed_tenant (
  tenant_id     integer NOT NULL,
  slot          text    NOT NULL,
  from_position pg_lsn  NOT NULL,
  CONSTRAINT followed_tenant_pkey PRIMARY KEY (tenant_id),
  CONSTRAINT followed_tenant_slot_fkey FOREIGN KEY (slot) REFERENCES banyan.follow_position (slot)
);
SELECT banyan.fence('banyan.followed_tenant');
GRANT SELECT ON banyan.followed_tenant TO banyan_app;

-- An image as people and comparisons see it: without the tenant, bytes by length and hash, everything else untouched.
CREATE FUNCTION banyan.print_image(image json, byte_columns text[]) RETURNS json LANGUAGE sql IMMUTABLE AS $$
  SELECT ('{' || string_agg(to_json(key)::text || ':' ||
    CASE WHEN key = ANY (byte_columns) AND json_typeof(value) = 'string' THEN
      (SELECT format('{"bytes":%s,"sha256":"%s"}', length(data), encode(sha256(data), 'hex'))
       FROM decode(substr(value #>> '{}', 3), 'hex') AS data)
    ELSE value::text END, ',' ORDER BY nr) || '}')::json
  FROM json_each(image) WITH ORDINALITY AS field (key, value, nr)
  WHERE key <> 'tenant_id'
$$;

-- Writes one change into the journal. Arguments: the table, the key's columns without the tenant, the columns of type bytea.
CREATE FUNCTION banyan.journal_row() RETURNS trigger LANGUAGE plpgsql
  SET TimeZone = 'UTC' SET bytea_output = 'hex' SET plan_cache_mode = 'force_generic_plan' AS $$
DECLARE
  note     text := current_setting('banyan.note', true);
  old_row  json;
  new_row  json;
  shown    json;
  name     text;
  key_text text;
BEGIN
  -- Django writes whole rows: what is as before is no change.
  IF TG_OP = 'UPDATE' AND OLD *= NEW THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    old_row := row_to_json(OLD);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    new_row := row_to_json(NEW);
  END IF;
  shown := COALESCE(new_row, old_row);
  IF TG_ARGV[2] <> '{}' THEN
    shown := banyan.print_image(shown, TG_ARGV[2]::text[]);
    IF new_row IS NOT NULL THEN
      new_row := shown;
    END IF;
  END IF;
  FOREACH name IN ARRAY TG_ARGV[1]::text[] LOOP
    key_text := concat(key_text || ',', to_json(name), ':', shown -> name);
  END LOOP;
  INSERT INTO banyan.row_change (tenant_id, position, table_name, change, key, before, after)
    VALUES (COALESCE(NEW.tenant_id, OLD.tenant_id), CASE WHEN note <> 'rehearse' THEN substr(note, 8)::pg_lsn END,
      TG_ARGV[0], lower(TG_OP), ('{' || key_text || '}')::json, old_row, new_row);
  RETURN NULL;
END $$;

-- An ordinary write. Looks once per transaction and table, and writes once per tenant and table.
CREATE FUNCTION banyan.part_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  looked text := COALESCE(current_setting('banyan.looked', true), '');
  tenant integer := COALESCE(NEW.tenant_id, OLD.tenant_id);
  place  text := ' ' || tenant || '/' || TG_ARGV[0] || ' ';
BEGIN
  IF strpos(looked, place) > 0 THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('banyan.looked', looked || place, true);
  IF EXISTS (SELECT FROM banyan.followed_tenant f WHERE f.tenant_id = tenant)
    AND NOT EXISTS (SELECT FROM banyan.row_standing s WHERE s.tenant_id = tenant AND s.table_name = TG_ARGV[0]) THEN
    INSERT INTO banyan.row_standing (tenant_id, table_name) VALUES (tenant, TG_ARGV[0]) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;

-- Watches one tenant table; again after a column was added to its key, or one of type bytea. Its foreign keys become deferrable,
-- checked at once as before: what legacy wrote child before parent can then be applied, and undone, in its own order.
CREATE FUNCTION banyan.watch_rows(target regclass) RETURNS void LANGUAGE plpgsql AS $$
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
    'EXECUTE FUNCTION banyan.part_rows(%L)', target, target);
  FOR foreign_key IN SELECT conname FROM pg_constraint
    WHERE conrelid = target AND contype = 'f' AND conparentid = 0 AND NOT condeferrable LOOP
    EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY IMMEDIATE', target, foreign_key);
  END LOOP;
END $$;

-- As before, and the new table's rows are watched.
CREATE OR REPLACE FUNCTION banyan.make_tenant_table(target regclass) RETURNS void LANGUAGE plpgsql AS $$
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
  PERFORM banyan.watch_rows(target);
END $$;

-- Undoes what legacy committed after this position, newest first, in the caller's transaction and tenant; answers how many changes.
-- Neighbours that put rows into one table, or took them out, are undone together. Rows are asked for by values, not by a join: a plan
-- must not depend on what the planner believes of a table. Tables that are apart stay as they are: their rows have no such state.
CREATE FUNCTION banyan.rewind("to" pg_lsn) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  tenant  integer := NULLIF(current_setting('banyan.tenant_id', true), '')::int;
  note    text := COALESCE(current_setting('banyan.note', true), '');
  done    record;
  known   text;
  columns text;
  one     text;
  several text;
  undone  integer := 0;
  changed integer;
BEGIN
  FOR done IN
    SELECT c.table_name, c.change, count(*) AS rows, json_agg(c.key ORDER BY c.id DESC) AS keys, json_agg(c.before ORDER BY c.id DESC) AS befores
    FROM (
      SELECT *, CASE WHEN change = 'update' THEN id ELSE row_number() OVER (ORDER BY id DESC)
          - row_number() OVER (PARTITION BY table_name, change ORDER BY id DESC) END AS run
      FROM banyan.row_change WHERE tenant_id = tenant AND position > "to"
    ) c
    WHERE NOT EXISTS (SELECT FROM banyan.row_standing s WHERE s.tenant_id = tenant AND s.table_name = c.table_name)
    GROUP BY c.table_name, c.change, c.run ORDER BY max(c.id) DESC
  LOOP
    IF undone = 0 THEN
      PERFORM set_config('banyan.note', 'rewind', true);
      SET CONSTRAINTS ALL DEFERRED;
    END IF;
    IF done.table_name IS DISTINCT FROM known THEN
      known := done.table_name;
      SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
        WHERE attrelid = known::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> 'tenant_id';
      SELECT string_agg(format('t.%1$I = (SELECT k.%1$I FROM json_populate_recordset(NULL::%2$s, $1) k)', name, known), ' AND '),
          string_agg(format('t.%1$I = k.%1$I AND t.%1$I = ANY (ARRAY(SELECT a.%1$I FROM json_populate_recordset(NULL::%2$s, $1) a))', name, known), ' AND ')
        INTO one, several FROM json_object_keys(done.keys -> 0) AS name;
    END IF;
    IF done.change = 'insert' THEN
      EXECUTE format('DELETE FROM %1$s t USING json_populate_recordset(NULL::%1$s, $1) k WHERE t.tenant_id = $2 AND %2$s', known, several)
        USING done.keys, tenant;
    ELSIF done.change = 'update' THEN
      EXECUTE format('UPDATE %1$s t SET (%2$s) = (SELECT %2$s FROM json_populate_recordset(NULL::%1$s, $3)) WHERE t.tenant_id = $2 AND %3$s',
        known, columns, one) USING done.keys, tenant, done.befores;
    ELSE
      EXECUTE format('INSERT INTO %1$s (tenant_id, %2$s) SELECT $1, %2$s FROM json_populate_recordset(NULL::%1$s, $2)', known, columns)
        USING tenant, done.befores;
    END IF;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> done.rows THEN
      RAISE EXCEPTION 'a journalled % of % cannot be undone: its row is not as it was left', done.change, known
        USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    undone := undone + changed;
  END LOOP;
  IF undone > 0 THEN
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM set_config('banyan.note', note, true);
  END IF;
  RETURN undone;
END $$;

REVOKE ALL ON FUNCTION banyan.print_image(json, text[]), banyan.journal_row(), banyan.part_rows(), banyan.watch_rows(regclass),
  banyan.rewind(pg_lsn) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION banyan.print_image(json, text[]), banyan.rewind(pg_lsn) TO banyan_app;

SELECT banyan.watch_rows(oid::regclass) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'p' AND NOT relispartition ORDER BY relname;
