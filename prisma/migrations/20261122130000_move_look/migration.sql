-- What operators see of rows that are moved (docs/moving.md). Run it as banyan_owner.

-- How many rows changed their owner, or were compared.
ALTER TABLE banyan.move_order ADD COLUMN rows bigint;
GRANT UPDATE (rows) ON banyan.move_order TO banyan_app;

-- The last order of each tenant is asked for, however many there have been.
CREATE INDEX move_order_last_idx ON banyan.move_order (feature, tenant, id DESC);

-- For each tenant and feature of which there is something to tell: what waits to be carried back, and what others wrote on legacy. Counted by
-- whoever asks, inside one tenant's fence after the other; only of tenants that the new side owns, or has owned.
CREATE FUNCTION banyan.look_at_moves() RETURNS TABLE (tenant integer, feature text, lines integer, oldest_ms double precision, strangers integer)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  before text := current_setting('banyan.tenant_id', true);
  one    integer;
BEGIN
  FOR one IN SELECT w.tenant FROM banyan.outbox_tenant w UNION SELECT t.tenant FROM banyan.tenure t WHERE t.since IS NOT NULL LOOP
    PERFORM set_config('banyan.tenant_id', one::text, true);
    RETURN QUERY SELECT one, w.feature, count(*)::int, GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - min(w.at)) * 1000)::float8, 0
      FROM banyan.outbox w WHERE w.tenant_id = one GROUP BY w.feature;
    RETURN QUERY SELECT one, w.feature, 0, 0::float8, count(*)::int
      FROM banyan.stranger w WHERE w.tenant_id = one GROUP BY w.feature;
  END LOOP;
  PERFORM set_config('banyan.tenant_id', COALESCE(before, ''), true);
END $$;

-- Tenants whose rows of these tables do not follow legacy's, each with the tables that are apart; none where the tenant does not follow at all.
CREATE FUNCTION banyan.look_for_apart(tables text[]) RETURNS TABLE (tenant integer, apart text[])
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  before text := current_setting('banyan.tenant_id', true);
  one    integer;
BEGIN
  FOR one IN SELECT t.id FROM public.tenant t ORDER BY t.id LOOP
    PERFORM set_config('banyan.tenant_id', one::text, true);
    RETURN QUERY SELECT one, a.apart
      FROM (SELECT ARRAY(SELECT s.table_name FROM banyan.row_standing s
        WHERE s.tenant_id = one AND s.table_name = ANY (tables) ORDER BY 1) AS apart) a
      WHERE cardinality(a.apart) > 0 OR NOT EXISTS (SELECT FROM banyan.followed_tenant f WHERE f.tenant_id = one);
  END LOOP;
  PERFORM set_config('banyan.tenant_id', COALESCE(before, ''), true);
END $$;

REVOKE ALL ON FUNCTION banyan.look_at_moves(), banyan.look_for_apart(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION banyan.look_at_moves(), banyan.look_for_apart(text[]) TO banyan_app;
