-- The ledger of shadow comparisons (docs/ledger.md). Control tables: they name tenants, but hold no tenant's data, only shapes of
-- values, so they have no tenant_id and no fence. Run it as the owner of the database, as all migrations.

-- One row for what was seen of one route in one minute (UTC). `groups`: the set of groups that the comparisons showed, sorted, those in
-- which legacy differed with itself marked by a leading ~. A set and not one row per group: so a comparison counts once, and a group that
-- is accepted later stops counting for all that was seen before.
CREATE TABLE banyan.shadow_tally (
  day      date        NOT NULL,
  route    text        NOT NULL,
  verdict  text        NOT NULL,
  reason   text        NOT NULL,
  groups   text[]      NOT NULL,
  minute   timestamptz NOT NULL,
  count    bigint      NOT NULL,
  first_at timestamptz NOT NULL,
  last_at  timestamptz NOT NULL,
  CONSTRAINT shadow_tally_pkey PRIMARY KEY (day, route, verdict, reason, groups, minute),
  CONSTRAINT shadow_tally_verdict CHECK (verdict IN ('same', 'different', 'not_compared')),
  CONSTRAINT shadow_tally_count CHECK (count > 0)
) PARTITION BY RANGE (day);

-- Differences of one route at one path of one kind between values of the same types, and what people have said of them. `triage` is
-- NULL until somebody says something: only then is it theirs, and not legacy's, to say that the path is noise.
CREATE TABLE banyan.shadow_group (
  id            text        NOT NULL,
  route         text        NOT NULL,
  path          text        NOT NULL,
  kind          text        NOT NULL,
  types         text        NOT NULL,
  first_at      timestamptz NOT NULL,
  last_at       timestamptz NOT NULL,
  triage        text,
  triage_owner  text,
  triage_reason text,
  triage_at     timestamptz,
  triage_until  timestamptz,
  CONSTRAINT shadow_group_pkey PRIMARY KEY (id),
  CONSTRAINT shadow_group_id CHECK (id ~ '^[0-9a-f]{12}$'),
  CONSTRAINT shadow_group_triage CHECK (triage IN ('open', 'bug', 'accepted', 'noise')),
  CONSTRAINT shadow_group_until CHECK ((triage IS NOT DISTINCT FROM 'accepted') = (triage_until IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX shadow_group_route_idx ON banyan.shadow_group (route, path);

-- What was kept of one comparison: shapes, and what is sealed.
CREATE TABLE banyan.shadow_sample (
  day             date        NOT NULL,
  id              text        NOT NULL,
  at              timestamptz NOT NULL,
  route           text        NOT NULL,
  groups          text[]      NOT NULL,
  request_id      text        NOT NULL,
  tenant          text        NOT NULL,
  method          text        NOT NULL,
  path            text        NOT NULL,
  legacy_status   integer     NOT NULL,
  new_status      integer     NOT NULL,
  legacy_skeleton text        NOT NULL,
  new_skeleton    text        NOT NULL,
  differences     text        NOT NULL,
  effects         text[]      NOT NULL,
  sealed          bytea,
  replay          text        NOT NULL,
  CONSTRAINT shadow_sample_pkey PRIMARY KEY (id, day)
) PARTITION BY RANGE (day);
CREATE INDEX shadow_sample_route_idx ON banyan.shadow_sample (route, at);

-- A group has ten places for samples a day. A sample of several groups takes a place in each that has one left.
CREATE TABLE banyan.shadow_place (
  day       date     NOT NULL,
  group_id  text     NOT NULL,
  nr        smallint NOT NULL,
  sample_id text     NOT NULL,
  CONSTRAINT shadow_place_pkey PRIMARY KEY (day, group_id, nr),
  CONSTRAINT shadow_place_sample_key UNIQUE (day, sample_id, group_id),
  CONSTRAINT shadow_place_nr CHECK (nr BETWEEN 1 AND 10)
) PARTITION BY RANGE (day);
CREATE INDEX shadow_place_group_idx ON banyan.shadow_place (group_id);

-- What belongs to a day without a partition of its own: nothing is refused because nobody made it in time.
CREATE TABLE banyan.shadow_tally_rest PARTITION OF banyan.shadow_tally DEFAULT;
CREATE TABLE banyan.shadow_place_rest PARTITION OF banyan.shadow_place DEFAULT;
CREATE TABLE banyan.shadow_sample_rest PARTITION OF banyan.shadow_sample DEFAULT;

-- Paths at which legacy was seen to differ with itself.
CREATE TABLE banyan.shadow_noise (
  route    text        NOT NULL,
  path     text        NOT NULL,
  first_at timestamptz NOT NULL,
  last_at  timestamptz NOT NULL,
  times    bigint      NOT NULL,
  CONSTRAINT shadow_noise_pkey PRIMARY KEY (route, path)
);

-- What people did: triage, and unlocks of clear values (`unlocked_until`). Lines are added, never changed.
CREATE TABLE banyan.shadow_audit (
  id             bigint      GENERATED ALWAYS AS IDENTITY,
  at             timestamptz NOT NULL DEFAULT clock_timestamp(),
  author         text        NOT NULL,
  group_id       text        NOT NULL,
  -- The group may be gone one day; these say what it was.
  route          text,
  path           text,
  change         text        NOT NULL,
  reason         text        NOT NULL,
  unlocked_until timestamptz,
  CONSTRAINT shadow_audit_pkey PRIMARY KEY (id)
);
CREATE INDEX shadow_audit_unlocked_idx ON banyan.shadow_audit (group_id, unlocked_until) WHERE unlocked_until IS NOT NULL;

-- Rights on the tables themselves only, never on a partition. Nothing may be deleted by the app role, and no time of an audit line chosen.
GRANT SELECT, INSERT, UPDATE (count, first_at, last_at) ON banyan.shadow_tally TO banyan_app;
GRANT SELECT, INSERT (id, route, path, kind, types, first_at, last_at),
  UPDATE (first_at, last_at, triage, triage_owner, triage_reason, triage_at, triage_until) ON banyan.shadow_group TO banyan_app;
GRANT SELECT, INSERT ON banyan.shadow_sample, banyan.shadow_place TO banyan_app;
GRANT SELECT, INSERT, UPDATE (last_at, times) ON banyan.shadow_noise TO banyan_app;
GRANT SELECT, INSERT (author, group_id, route, path, change, reason, unlocked_until) ON banyan.shadow_audit TO banyan_app;

-- Adds one batch, all of it or nothing, with the caller's rights. One call and not several statements in a transaction: so no lock is
-- ever held while a client is slow. Rows are locked in the same order by everyone (groups by id, tallies by key), so batches of several
-- instances wait for one another and never deadlock; and whoever holds a group's row alone gives out its places for samples.
-- A clock that is ahead of the database's is not believed.
CREATE FUNCTION banyan.add_shadow(groups json, tallies json, samples json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  latest constant timestamptz := clock_timestamp();
BEGIN
  INSERT INTO banyan.shadow_group AS g (id, route, path, kind, types, first_at, last_at)
  SELECT n.id, n.route, n.path, n.kind, n.types,
    LEAST(to_timestamp(n.first_ms / 1000), latest), LEAST(to_timestamp(n.last_ms / 1000), latest)
  FROM json_to_recordset(add_shadow.groups)
    AS n(id text, route text, path text, kind text, types text, first_ms float8, last_ms float8)
  ORDER BY n.id COLLATE "C"
  ON CONFLICT (id) DO UPDATE
    SET first_at = LEAST(g.first_at, excluded.first_at), last_at = GREATEST(g.last_at, excluded.last_at);

  INSERT INTO banyan.shadow_tally AS t (day, route, verdict, reason, groups, minute, count, first_at, last_at)
  SELECT (n.minute AT TIME ZONE 'UTC')::date, n.route, n.verdict, n.reason, n.groups, n.minute,
    sum(n.count), min(n.first_at), max(n.last_at)
  FROM (
    SELECT r.route, r.verdict, r.reason, r.groups, r.count,
      date_trunc('minute', LEAST(to_timestamp(r.last_ms / 1000), latest), 'UTC') AS minute,
      LEAST(to_timestamp(r.first_ms / 1000), latest) AS first_at, LEAST(to_timestamp(r.last_ms / 1000), latest) AS last_at
    FROM json_to_recordset(add_shadow.tallies)
      AS r(route text, verdict text, reason text, groups text[], count bigint, first_ms float8, last_ms float8)
  ) AS n
  GROUP BY n.route, n.verdict, n.reason, n.groups, n.minute
  ORDER BY n.minute, n.route COLLATE "C", n.verdict COLLATE "C", n.reason COLLATE "C", n.groups COLLATE "C"
  ON CONFLICT (day, route, verdict, reason, groups, minute) DO UPDATE
    SET count = t.count + excluded.count, first_at = LEAST(t.first_at, excluded.first_at),
      last_at = GREATEST(t.last_at, excluded.last_at);

  -- Ten places a group and day; three of them at most for comparisons in which it was noise; one only, once the route has a thousand
  -- samples that day. So a frequent group never takes a rare one's first sample.
  WITH offered AS (
    SELECT s.*, LEAST(to_timestamp(s.at_ms / 1000), latest) AS at,
      (LEAST(to_timestamp(s.at_ms / 1000), latest) AT TIME ZONE 'UTC')::date AS day
    FROM json_to_recordset(add_shadow.samples) AS s(
      id text, nr integer, at_ms float8, route text, groups text[], wanted text[], most integer, request_id text, tenant text,
      method text, path text, legacy_status integer, new_status integer, legacy_skeleton text, new_skeleton text, differences text,
      effects text[], sealed text, replay text)
  ), asked AS (
    SELECT o.day, w.group_id, o.id, o.most,
      (SELECT count(*) FROM banyan.shadow_sample k WHERE k.day = o.day AND k.route = o.route) AS kept,
      (SELECT count(*) FROM banyan.shadow_place p WHERE p.day = o.day AND p.group_id = w.group_id)
        + row_number() OVER (PARTITION BY o.day, w.group_id ORDER BY o.nr) AS nr
    FROM offered o, unnest(o.wanted) AS w(group_id)
    WHERE NOT EXISTS (SELECT FROM banyan.shadow_sample k WHERE k.day = o.day AND k.id = o.id)
  ), given AS (
    INSERT INTO banyan.shadow_place (day, group_id, nr, sample_id)
    SELECT a.day, a.group_id, a.nr, a.id FROM asked a
    WHERE a.nr <= CASE WHEN a.kept < 1000 THEN a.most ELSE 1 END
    ORDER BY a.day, a.group_id COLLATE "C", a.nr
    ON CONFLICT DO NOTHING
    RETURNING day, sample_id
  )
  INSERT INTO banyan.shadow_sample (day, id, at, route, groups, request_id, tenant, method, path, legacy_status, new_status,
    legacy_skeleton, new_skeleton, differences, effects, sealed, replay)
  SELECT o.day, o.id, o.at, o.route, o.groups, o.request_id, o.tenant, o.method, o.path, o.legacy_status, o.new_status,
    o.legacy_skeleton, o.new_skeleton, o.differences, o.effects, decode(o.sealed, 'base64'), o.replay
  FROM offered o
  WHERE EXISTS (SELECT FROM given g WHERE g.day = o.day AND g.sample_id = o.id)
  ON CONFLICT DO NOTHING;
END $$;

-- Makes today's and tomorrow's partitions and drops what is older than `days`. With its owner's rights, because the app role may neither
-- make nor drop a table: it takes a number of days and touches nothing but the ledger's own rows and partitions. The audit log is for
-- ever. One at a time; where no partition is to be made or dropped, nothing is locked.
CREATE FUNCTION banyan.keep_shadow_days(days integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
  bases constant text[] := ARRAY['shadow_tally', 'shadow_place', 'shadow_sample'];
  today constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  oldest date;
  base text;
  part text;
BEGIN
  IF days IS NULL OR days NOT BETWEEN 1 AND 400 THEN
    RAISE EXCEPTION 'The ledger keeps 1 to 400 days.' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock(2114251117) THEN RETURN; END IF;
  oldest := today - days;

  -- Tallies and samples name a group on days up to its last only, and a person's word is kept, except an acceptance that has run out.
  -- Before any table is locked, and without waiting: whoever holds a group's row may be about to ask for those tables.
  DELETE FROM banyan.shadow_group WHERE id IN (
    SELECT g.id FROM banyan.shadow_group g
    WHERE g.last_at < oldest::timestamp AT TIME ZONE 'UTC'
      AND (g.triage IS NULL OR (g.triage = 'accepted' AND g.triage_until < clock_timestamp()))
      AND NOT EXISTS (SELECT FROM banyan.shadow_place p WHERE p.group_id = g.id AND p.day >= oldest)
    FOR UPDATE SKIP LOCKED);
  DELETE FROM banyan.shadow_noise n WHERE n.last_at < oldest::timestamp AT TIME ZONE 'UTC';

  IF EXISTS (SELECT FROM banyan.list_shadow_parts() p WHERE p.day < oldest)
    OR (SELECT bool_or(banyan.wants_shadow_part(b, today + n)) FROM unnest(bases) AS b, generate_series(0, 1) AS n)
  THEN
    LOCK TABLE banyan.shadow_tally, banyan.shadow_place, banyan.shadow_sample IN ACCESS EXCLUSIVE MODE;
    FOR part IN SELECT p.name FROM banyan.list_shadow_parts() p WHERE p.day < oldest LOOP
      EXECUTE format('DROP TABLE banyan.%I', part);
    END LOOP;
    PERFORM banyan.make_shadow_part(b, today + n) FROM unnest(bases) AS b, generate_series(0, 1) AS n
      WHERE banyan.wants_shadow_part(b, today + n);
  END IF;
  -- Last, and again without waiting: whoever adds to one of these rows would be waited for, and wait.
  FOREACH base IN ARRAY bases LOOP
    EXECUTE format('DELETE FROM banyan.%1$I WHERE ctid IN (SELECT ctid FROM banyan.%1$I WHERE day < $1 FOR UPDATE SKIP LOCKED)',
      base || '_rest') USING oldest;
  END LOOP;
END $$;

CREATE FUNCTION banyan.list_shadow_parts(OUT name text, OUT day date) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname::text, to_date(right(c.relname, 8), 'YYYYMMDD')
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent IN ('banyan.shadow_tally'::regclass, 'banyan.shadow_place'::regclass, 'banyan.shadow_sample'::regclass)
    AND c.relname ~ '^shadow_(tally|place|sample)_[0-9]{8}$'
  ORDER BY c.relname
$$;

-- A day of which the default partition holds rows already (nobody was there to make its own in time) stays there: it is counted all the
-- same, and its rows are deleted when it is too old. Moving them would keep everybody waiting.
CREATE FUNCTION banyan.wants_shadow_part(base text, day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_caught boolean;
BEGIN
  IF to_regclass(format('banyan.%I', base || '_' || to_char(day, 'YYYYMMDD'))) IS NOT NULL THEN RETURN false; END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM banyan.%I WHERE day = $1)', base || '_rest') INTO is_caught USING day;
  RETURN NOT is_caught;
END $$;

CREATE FUNCTION banyan.make_shadow_part(base text, day date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE TABLE banyan.%I PARTITION OF banyan.%I FOR VALUES FROM (%L) TO (%L)',
    base || '_' || to_char(day, 'YYYYMMDD'), base, day, day + 1);
END $$;

REVOKE ALL ON FUNCTION banyan.add_shadow(json, json, json), banyan.keep_shadow_days(integer),
  banyan.list_shadow_parts(), banyan.wants_shadow_part(text, date), banyan.make_shadow_part(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION banyan.add_shadow(json, json, json), banyan.keep_shadow_days(integer) TO banyan_app;
