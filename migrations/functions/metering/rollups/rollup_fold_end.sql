-- Returns the transaction id to fold up to: all finished transactions, or as many as contain about `max_rows` events,
-- but at least one. `more` if finished transactions remain.
CREATE OR REPLACE FUNCTION rollup_fold_end(state rollup_state, max_rows integer, OUT upto bigint, OUT more boolean)
LANGUAGE plpgsql AS $$
DECLARE
    horizon CONSTANT bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    pending bigint;
BEGIN
    upto := horizon;
    LOOP
        SELECT count(*) INTO pending FROM (
            SELECT FROM usage_events e WHERE e.tx >= state.upto AND e.tx < upto AND e.seq > state.floor_seq
            LIMIT max_rows + 1) probe;
        EXIT WHEN pending <= max_rows OR upto <= state.upto + 1;
        upto := state.upto + (upto - state.upto + 1) / 2;
    END LOOP;
    more := upto < horizon;
END $$;
