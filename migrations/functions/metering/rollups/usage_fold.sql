-- One bounded step forward; call it again while `more`. `at` is business time, the roll-ups' "as of"; days to compute
-- anew wait for `rest`, so that a busy one is not computed at every step.
CREATE OR REPLACE FUNCTION usage_fold(max_rows integer, at timestamptz, rest interval, OUT folded bigint, OUT more boolean)
LANGUAGE plpgsql AS $$
DECLARE
    state rollup_state;
    waiting uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(usage_fold_lock());
    SELECT * INTO state FROM rollup_state WHERE name = 'orgs' FOR UPDATE;
    folded := 0;
    more := true;
    IF state.cluster <> database_cluster() THEN
        PERFORM usage_fold_restart(at);
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM rollup_state t WHERE t.name = 'totals' AND t.cluster <> state.cluster) THEN
        PERFORM usage_rebuild_totals();
        RETURN;
    END IF;
    SELECT array_agg(w.org_id) INTO waiting FROM (
        SELECT r.org_id FROM rollup_orgs r JOIN accounts_orgs o ON o.id = r.org_id
        WHERE r.stale OR r.time_zone <> o.time_zone LIMIT 100) w;
    IF waiting IS NOT NULL THEN
        PERFORM usage_rebuild(waiting);
        RETURN;
    END IF;
    SELECT usage_fold_span(state, e.upto) + usage_fold_note(state, e.upto, at), e.upto INTO folded, state.upto
    FROM (SELECT usage_fold_end(state, max_rows) AS upto) e;
    UPDATE rollup_state SET upto = state.upto, floor_seq = state.floor_seq, folded_at = at;
    more := usage_fold_noted(state, at - rest, 200)
        OR state.upto < pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
END $$;
