-- What the new side writes is carried back as the row's JSON, in which JSON's own null looks like a NULL. Columns that take both say which of
-- them they hold: the image names those that hold JSON's null, under a name that no column has (docs/moving.md). Run it as banyan_owner.

CREATE OR REPLACE FUNCTION banyan.part_rows() RETURNS trigger LANGUAGE plpgsql
  SET TimeZone = 'UTC' SET bytea_output = 'hex' AS $$
DECLARE
  looked text := COALESCE(current_setting('banyan.looked', true), '');
  owned  text := COALESCE(current_setting('banyan.owned', true), '');
  writer integer := COALESCE(NEW.tenant_id, OLD.tenant_id);
  place  text := ' ' || writer || '/' || TG_ARGV[0] || ' ';
  moved  text;
  image  json;
  name   text;
  nulls  text[] := '{}';
  is_null_of_json boolean;
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
  IF TG_OP <> 'DELETE' THEN
    image := row_to_json(NEW);
    FOREACH name IN ARRAY COALESCE(TG_ARGV[2], '{}')::text[] LOOP
      IF image ->> name IS NULL THEN
        EXECUTE format('SELECT ($1).%I IS NOT NULL', name) INTO is_null_of_json USING NEW;
        IF is_null_of_json THEN
          nulls := nulls || name;
        END IF;
      END IF;
    END LOOP;
    -- As text: jsonb would print the other values anew.
    IF nulls <> '{}' THEN
      image := left(image::text, -1) || ',"banyan json nulls":' || to_json(nulls)::text || '}';
    END IF;
  END IF;
  PERFORM banyan.put_out(writer, TG_ARGV[0], lower(TG_OP), TG_ARGV[1]::text[],
    CASE WHEN TG_OP = 'INSERT' THEN row_to_json(NEW) ELSE row_to_json(OLD) END, image);
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION banyan.watch_rows(target regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  keys text[] := (SELECT array_agg(a.attname::text ORDER BY k.nr) FROM pg_index i
    CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, nr)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = target AND i.indisprimary AND a.attname <> 'tenant_id');
  bytes text[] := ARRAY(SELECT attname::text FROM pg_attribute
    WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND atttypid = 'bytea'::regtype ORDER BY attnum);
  -- In these the row's JSON does not tell JSON's own null from a NULL.
  jsons text[] := ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND NOT attnotnull
    AND atttypid IN ('json'::regtype, 'jsonb'::regtype) ORDER BY attnum);
  foreign_key name;
BEGIN
  EXECUTE format('CREATE OR REPLACE TRIGGER row_journal AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
    'WHEN (COALESCE(current_setting(''banyan.note'', true), '''') NOT IN ('''', ''copy'', ''rewind'')) '
    'EXECUTE FUNCTION banyan.journal_row(%L, %L, %L)', target, target, keys, bytes);
  EXECUTE format('CREATE OR REPLACE TRIGGER row_standing AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
    'WHEN (COALESCE(current_setting(''banyan.note'', true), '''') = '''') '
    'EXECUTE FUNCTION banyan.part_rows(%L, %L, %L)', target, target, keys, jsons);
  FOR foreign_key IN SELECT conname FROM pg_constraint
    WHERE conrelid = target AND contype = 'f' AND conparentid = 0 AND NOT condeferrable LOOP
    EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY IMMEDIATE', target, foreign_key);
  END LOOP;
END $$;

SELECT banyan.watch_rows(oid::regclass) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'p' AND NOT relispartition ORDER BY relname;
