-- Fleets: hand-overs go in waves with limits, and what was refused is repeated after growing pauses (docs/moving.md). Run it as banyan_owner.

-- Limits of a move. NULL: none.
ALTER TABLE banyan.move
  ADD COLUMN wave_tenants integer,
  ADD COLUMN at_once      integer,
  -- So many of a wave may be refused or fail; with one more the rest waits.
  ADD COLUMN stop_after   integer,
  -- Why it is paused, in a sentence; NULL where somebody paused it without one.
  ADD COLUMN paused_why   text,
  -- The wave that is under way, and the order with which its fleet began. Earlier orders belong to earlier fleets.
  ADD COLUMN wave         integer NOT NULL DEFAULT 0,
  ADD COLUMN fleet_from   bigint  NOT NULL DEFAULT 0,
  -- What failed before it went on does not stop it once more.
  ADD COLUMN resumed_at   timestamptz,
  ADD CONSTRAINT move_limits_positive CHECK (wave_tenants > 0 AND at_once > 0 AND stop_after >= 0);

-- `in_waves`: it waits for its turn; any other is taken at once. `wave`: the one that it was taken in. `attempt`: 1, and more where it
-- repeats one that was refused or failed.
ALTER TABLE banyan.move_order
  ADD COLUMN in_waves boolean NOT NULL DEFAULT false,
  ADD COLUMN wave     integer,
  ADD COLUMN attempt  integer NOT NULL DEFAULT 1,
  DROP CONSTRAINT move_order_order_known,
  DROP CONSTRAINT move_order_state_known,
  ADD CONSTRAINT move_order_order_known CHECK ("order" IN ('hand_over', 'hand_back', 'verify', 'rehearse')),
  ADD CONSTRAINT move_order_state_known CHECK (state IN ('waiting', 'running', 'done', 'failed', 'withdrawn'));
GRANT UPDATE (in_waves, wave), DELETE ON banyan.move_order TO banyan_app;
CREATE INDEX move_order_wave_idx ON banyan.move_order (feature, wave, id) WHERE wave IS NOT NULL;
CREATE INDEX move_order_waiting_idx ON banyan.move_order (id) WHERE state IN ('waiting', 'running');

-- What is open, or ended within a day, is not the app role's to remove.
CREATE FUNCTION banyan.keep_move_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.ended_at IS NULL OR OLD.ended_at > clock_timestamp() - interval '1 day' THEN
    RAISE EXCEPTION 'move order % is kept: it is open, or ended within a day', OLD.id;
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER keep_move_order BEFORE DELETE ON banyan.move_order FOR EACH ROW EXECUTE FUNCTION banyan.keep_move_order();

-- Puts tenants of a feature into the queue, in the order given; those of whom something is open already are left out. What was refused or
-- failed is repeated after 15 s, 30 s, 1 min … 5 min, outside of waves; `fresh` orders begin anew.
CREATE FUNCTION banyan.queue_moves(moved text, wanted text, who text, tenants integer[], fresh boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  first_id bigint;
  placed   integer;
BEGIN
  PERFORM pg_advisory_xact_lock(2114251119);
  WITH last AS (
    SELECT t.id AS tenant, t.nr, o.attempt,
      COALESCE(NOT fresh AND o.state = 'failed' AND o."order" = wanted, false) AS repeats, o.ended_at
    FROM unnest(tenants) WITH ORDINALITY AS t (id, nr) LEFT JOIN LATERAL (
      SELECT * FROM banyan.move_order WHERE feature = moved AND tenant = t.id AND "order" IN ('hand_over', 'hand_back')
      ORDER BY move_order.id DESC LIMIT 1) o ON true
  ), put AS (
    INSERT INTO banyan.move_order (feature, tenant, "order", author, in_waves, attempt)
    SELECT moved, tenant, wanted, who, wanted = 'hand_over' AND NOT repeats, CASE WHEN repeats THEN attempt + 1 ELSE 1 END
    FROM last
    WHERE NOT repeats OR ended_at + LEAST(300, 15 * 2 ^ LEAST(attempt - 1, 10)) * interval '1 s' < clock_timestamp()
    ORDER BY nr
    ON CONFLICT (tenant, feature) WHERE state IN ('waiting', 'running') DO NOTHING
    RETURNING id, in_waves
  )
  SELECT count(*), min(id) FILTER (WHERE in_waves) INTO placed, first_id FROM put;
  -- Nobody else of it waits or is under way: a fleet begins.
  UPDATE banyan.move m SET wave = 0, fleet_from = first_id
  WHERE feature = moved AND first_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM banyan.move_order o WHERE o.feature = moved AND o.in_waves AND o.state IN ('waiting', 'running') AND o.id < first_id);
  RETURN placed;
END $$;

-- Takes the order that is next, if there is one: first what waits for no wave, then the wave's. The next wave begins when the one before has
-- ended. A wave of which too many failed pauses its move.
CREATE FUNCTION banyan.take_move_order() RETURNS SETOF banyan.move_order LANGUAGE plpgsql AS $$
DECLARE
  m      banyan.move;
  due    bigint;
  turn   integer;
  taken  integer;
  busy   integer;
  failed integer;
BEGIN
  IF NOT EXISTS (SELECT FROM banyan.move_order WHERE state = 'waiting') THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(2114251119);
  SELECT id INTO due FROM banyan.move_order WHERE state = 'waiting' AND NOT in_waves ORDER BY id LIMIT 1;
  IF due IS NULL THEN
    FOR m IN SELECT a.* FROM banyan.move a JOIN
        (SELECT feature, min(id) AS id FROM banyan.move_order WHERE state = 'waiting' AND in_waves GROUP BY feature) w USING (feature)
      WHERE a.state = 'moving' ORDER BY w.id LOOP
      SELECT count(*), count(*) FILTER (WHERE o.state IN ('waiting', 'running')),
        count(*) FILTER (WHERE o.state = 'failed' AND o.ended_at >= COALESCE(m.resumed_at, '-infinity'))
      INTO taken, busy, failed FROM banyan.move_order o WHERE o.feature = m.feature AND o.wave = m.wave AND o.id >= m.fleet_from;
      IF failed > m.stop_after THEN
        UPDATE banyan.move SET state = 'paused', epoch = banyan.next_epoch(),
          paused_why = format('%s of wave %s %s refused or failed, and %s may.', failed, m.wave, CASE WHEN failed = 1 THEN 'was' ELSE 'were' END,
            CASE WHEN m.stop_after = 0 THEN 'none' ELSE m.stop_after::text END)
        WHERE feature = m.feature;
        CONTINUE;
      END IF;
      CONTINUE WHEN m.at_once <= (SELECT count(*) FROM banyan.move_order o WHERE o.feature = m.feature AND o.in_waves AND o.state = 'running');
      -- One that was under way when its mover ended comes first.
      turn := m.wave;
      SELECT id INTO due FROM banyan.move_order o
      WHERE o.feature = m.feature AND o.state = 'waiting' AND o.in_waves AND o.wave = turn AND o.id >= m.fleet_from ORDER BY id LIMIT 1;
      EXIT WHEN due IS NOT NULL;
      IF turn = 0 OR taken >= m.wave_tenants THEN
        CONTINUE WHEN busy > 0;
        turn := turn + 1;
        UPDATE banyan.move SET wave = turn WHERE feature = m.feature;
      END IF;
      SELECT id INTO due FROM banyan.move_order o WHERE o.feature = m.feature AND o.state = 'waiting' AND o.in_waves ORDER BY id LIMIT 1;
      EXIT WHEN due IS NOT NULL;
    END LOOP;
  END IF;
  RETURN QUERY UPDATE banyan.move_order o SET state = 'running', wave = CASE WHEN o.in_waves THEN turn END WHERE id = due RETURNING o.*;
END $$;

REVOKE ALL ON FUNCTION banyan.queue_moves(text, text, text, integer[], boolean), banyan.take_move_order(), banyan.keep_move_order() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION banyan.queue_moves(text, text, text, integer[], boolean), banyan.take_move_order(), banyan.keep_move_order() TO banyan_app;
