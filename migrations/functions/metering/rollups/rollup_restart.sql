-- Restarts folding in another database cluster, where transaction ids start over and mean nothing for restored rows;
-- those are identified by seq from now on. The SHARE lock waits for writers in flight and briefly blocks new ones, so
-- that every row is either below the floor or written by a transaction at or above the watermark. Runs with the owner's
-- rights, because the worker may not lock a table that it cannot modify.
CREATE OR REPLACE FUNCTION rollup_restart(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE last bigint;
BEGIN
    LOCK TABLE usage_events IN SHARE MODE;
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO last FROM usage_events_seq s;
    UPDATE rollup_state SET upto = pg_snapshot_xmin(pg_current_snapshot())::text::bigint, floor_seq = last,
        cluster = CASE name WHEN 'orgs' THEN database_cluster() ELSE '' END, folded_at = at;
    INSERT INTO rollup_orgs (org_id, time_zone, stale) SELECT o.id, o.time_zone, true FROM accounts_orgs o
    ON CONFLICT (org_id) DO UPDATE SET stale = true;
END $$;
