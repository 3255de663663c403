-- Rebuilds the totals for staff from the events below the watermark, and who was active from what is kept of each org.
-- The caller must hold the lock of rollup_lock_key.
CREATE OR REPLACE FUNCTION rollup_rebuild_totals() RETURNS void LANGUAGE plpgsql AS $$
DECLARE state rollup_state;
BEGIN
    SELECT * INTO state FROM rollup_state WHERE name = 'orgs';
    DELETE FROM usage_totals;
    INSERT INTO usage_totals (day, meter_id, dimension, value, quantity, events)
    SELECT * FROM usage_total_figures(NULL, '-infinity', 'infinity', state.upto, state.floor_seq);
    PERFORM rollup_add_unique_totals(NULL, 1);
    INSERT INTO usage_totals (day, meter_id, dimension, value, quantity, events, unbilled, free, free_events, responses,
                              latency, sizes)
    SELECT m.day, m.meter_id, m.dimension, m.value, 0, 0, m.unbilled, m.free, m.free_events, m.responses, m.latency,
           m.sizes
    FROM usage_total_measures(state.upto, state.floor_seq) m
    ON CONFLICT (day, dimension, meter_id, value)
    DO UPDATE SET unbilled = excluded.unbilled, free = excluded.free, free_events = excluded.free_events,
        responses = excluded.responses, latency = excluded.latency, sizes = excluded.sizes;
    DELETE FROM usage_active_counts;
    PERFORM rollup_add_active_counts(NULL, 1);
    UPDATE rollup_state SET cluster = state.cluster, upto = state.upto, floor_seq = state.floor_seq
    WHERE name = 'totals';
END $$;
