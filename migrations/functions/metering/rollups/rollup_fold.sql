-- Folds one bounded step; call it again while `more`: a step that stops early or rebuilds something leaves more to do,
-- transactions that end meanwhile do not. `at` is the business time of the fold.
CREATE OR REPLACE FUNCTION rollup_fold(max_rows integer, at timestamptz, OUT folded bigint, OUT more boolean)
LANGUAGE plpgsql AS $$
DECLARE
    state rollup_state;
    ends bigint;
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
    SELECT e.upto, e.more INTO ends, more FROM rollup_fold_end(state, max_rows) e;
    folded := rollup_fold_span(state, ends);
    folded := folded + rollup_fold_values(state, ends);
    PERFORM rollup_recompute_peaks(state, ends);
    UPDATE rollup_state SET upto = ends, floor_seq = state.floor_seq, folded_at = at;
END $$;
