-- Returns the watermark of an org's roll-ups (NULL: of the totals for staff): they include the events with tx < upto or
-- seq <= floor_seq. While they wait to be rebuilt, the watermark is below everything, so that pages read only events
-- and stay correct.
CREATE OR REPLACE FUNCTION rollup_watermark(
    org uuid, OUT upto bigint, OUT floor_seq bigint, OUT folded_at timestamptz, OUT valid boolean)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN v.valid THEN s.upto ELSE 0 END, CASE WHEN v.valid THEN s.floor_seq ELSE 0 END, s.folded_at, v.valid
    FROM rollup_state s,
         LATERAL (SELECT s.cluster = database_cluster() AND CASE WHEN org IS NULL
                      THEN EXISTS (SELECT FROM rollup_state t WHERE t.name = 'totals' AND t.cluster = s.cluster)
                      ELSE NOT EXISTS (SELECT FROM rollup_orgs r WHERE r.org_id = org AND r.stale) END) v (valid)
    WHERE s.name = 'orgs'
$$;
