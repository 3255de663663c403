-- The mark under which an org's roll-ups (null: the totals of staff) stand: the events that they hold are those with
-- tx < upto or seq <= floor_seq. While they wait to be built again, the mark is below everything, so that a page reads
-- all from events and stays right.
CREATE OR REPLACE FUNCTION usage_mark(org uuid, OUT upto bigint, OUT floor_seq bigint, OUT folded_at timestamptz, OUT valid boolean)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN v.valid THEN s.upto ELSE 0 END, CASE WHEN v.valid THEN s.floor_seq ELSE 0 END, s.folded_at, v.valid
    FROM rollup_state s,
         LATERAL (SELECT s.cluster = database_cluster() AND CASE WHEN org IS NULL
                      THEN EXISTS (SELECT FROM rollup_state t WHERE t.name = 'totals' AND t.cluster = s.cluster)
                      ELSE NOT EXISTS (SELECT FROM rollup_orgs r WHERE r.org_id = org AND r.stale) END) v (valid)
    WHERE s.name = 'orgs'
$$;
