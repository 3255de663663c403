-- Recomputes the days on which the transactions [state.upto, upto) reversed an event of a `max` meter: without it, the
-- day's maximum may be lower.
CREATE OR REPLACE FUNCTION rollup_recompute_peaks(state rollup_state, upto bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE touched record;
BEGIN
    FOR touched IN
        SELECT c.meter_id, c.local_at::date AS day, array_agg(DISTINCT c.org_id) AS orgs FROM usage_counted c
        WHERE c.tx >= state.upto AND c.tx < upto AND c.seq > state.floor_seq AND c.aggregation = 'max' AND c.sign < 0
        GROUP BY 1, 2
    LOOP
        PERFORM rollup_recompute(touched.orgs, touched.meter_id, touched.day, upto, state.floor_seq);
    END LOOP;
END $$;
