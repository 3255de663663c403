-- Folds one bounded step; call it again while `more`. `at` is the business time of the fold. Days in the queue wait for
-- `rest` before they are recomputed, so that a busy day is not recomputed at every step.
CREATE OR REPLACE FUNCTION rollup_fold(
    max_rows integer, at timestamptz, rest interval, OUT folded bigint, OUT more boolean)
LANGUAGE plpgsql AS $$
DECLARE
    state rollup_state;
    waiting uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(rollup_lock_key());
    SELECT * INTO state FROM rollup_state WHERE name = 'orgs' FOR UPDATE;
    folded := 0;
    more := true;
    IF state.cluster <> database_cluster() THEN
        PERFORM rollup_restart(at);
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM rollup_state t WHERE t.name = 'totals' AND t.cluster <> state.cluster) THEN
        PERFORM rollup_rebuild_totals();
        RETURN;
    END IF;
    SELECT array_agg(w.org_id) INTO waiting FROM (
        SELECT r.org_id FROM rollup_orgs r JOIN accounts_orgs o ON o.id = r.org_id
        WHERE r.stale OR r.time_zone <> o.time_zone LIMIT 100) w;
    IF waiting IS NOT NULL THEN
        PERFORM rollup_rebuild(waiting);
        RETURN;
    END IF;
    SELECT rollup_fold_span(state, e.upto) + rollup_enqueue(state, e.upto, at), e.upto INTO folded, state.upto
    FROM (SELECT rollup_fold_end(state, max_rows) AS upto) e;
    UPDATE rollup_state SET upto = state.upto, floor_seq = state.floor_seq, folded_at = at;
    more := rollup_drain_queue(state, at - rest, 200)
        OR state.upto < pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
END $$;
