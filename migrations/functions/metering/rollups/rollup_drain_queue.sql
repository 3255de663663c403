-- Recomputes up to `most` days queued until `due`, oldest first. Returns whether any remain.
CREATE OR REPLACE FUNCTION rollup_drain_queue(state rollup_state, due timestamptz, most integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE touched record;
BEGIN
    FOR touched IN
        WITH taken AS (
            DELETE FROM rollup_anew a USING (
                SELECT * FROM rollup_anew n WHERE n.noted_at <= due ORDER BY n.noted_at LIMIT most) n
            WHERE (a.org_id, a.meter_id, a.day) = (n.org_id, n.meter_id, n.day)
            RETURNING a.org_id, a.meter_id, a.day)
        SELECT t.meter_id, t.day, array_agg(t.org_id) AS orgs FROM taken t GROUP BY 1, 2
    LOOP
        PERFORM rollup_recompute(touched.orgs, touched.meter_id, touched.day, state.upto, state.floor_seq);
    END LOOP;
    RETURN EXISTS (SELECT FROM rollup_anew n WHERE n.noted_at <= due);
END $$;
