-- Queues the days that must be recomputed rather than added to: those with unique values, and maxima with reversals.
-- Pages read queued days from the events. Returns the number of events of unique meters.
CREATE OR REPLACE FUNCTION rollup_enqueue(state rollup_state, upto bigint, at timestamptz) RETURNS bigint
LANGUAGE plpgsql SET enable_nestloop = off SET work_mem = '64MB' AS $$
DECLARE folded bigint;
BEGIN
    WITH noted AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, c.local_at::date AS day, count(*) FILTER (WHERE c.aggregation = 'unique') AS events
        FROM usage_counted c
        WHERE c.tx >= state.upto AND c.tx < upto AND c.seq > state.floor_seq
          AND (c.aggregation = 'unique' OR (c.aggregation = 'max' AND c.sign < 0))
        GROUP BY 1, 2, 3
    ), written AS (
        INSERT INTO rollup_anew (org_id, meter_id, day, noted_at) SELECT n.org_id, n.meter_id, n.day, at FROM noted n
        ON CONFLICT (org_id, meter_id, day) DO NOTHING
    )
    SELECT coalesce(sum(n.events), 0) INTO folded FROM noted n;
    RETURN folded;
END $$;
