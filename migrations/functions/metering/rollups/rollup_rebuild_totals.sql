-- Rebuilds the totals for staff from the events below the watermark. The caller must hold the lock of rollup_lock_key.
CREATE OR REPLACE FUNCTION rollup_rebuild_totals() RETURNS void LANGUAGE plpgsql AS $$
DECLARE state rollup_state;
BEGIN
    SELECT * INTO state FROM rollup_state WHERE name = 'orgs';
    DELETE FROM usage_totals;
    INSERT INTO usage_totals (day, meter_id, dimension, value, quantity, events)
    SELECT * FROM usage_total_figures(NULL, '-infinity', 'infinity', state.upto, state.floor_seq);
    PERFORM rollup_add_unique_totals(NULL, 1);
    UPDATE rollup_state SET cluster = state.cluster, upto = state.upto, floor_seq = state.floor_seq
    WHERE name = 'totals';
END $$;
