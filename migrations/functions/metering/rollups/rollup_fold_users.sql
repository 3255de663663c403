-- Folds the transactions [state.upto, upto) into the months of users. All of it adds up: there are no maxima or distinct
-- values here.
CREATE OR REPLACE FUNCTION rollup_fold_users(state rollup_state, upto bigint) RETURNS void
LANGUAGE sql SET enable_nestloop = off SET work_mem = '64MB' AS $$
    INSERT INTO usage_user_months AS r (org_id, subject_id, month, meter_id, dimension, value, quantity, events, unbilled,
                                        free, free_events)
    SELECT c.org_id, c.subject_id, c.month, c.meter_id, c.dimension, c.value, sum(c.quantity), sum(c.events),
           sum(c.unbilled) FILTER (WHERE c.unbilled IS NOT NULL), sum(c.free) FILTER (WHERE c.free IS NOT NULL),
           sum(c.free_events)
    FROM usage_by_user c WHERE c.tx >= state.upto AND c.tx < upto AND c.seq > state.floor_seq
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2
    ON CONFLICT (org_id, subject_id, month, meter_id, dimension, value) DO UPDATE
    SET quantity = r.quantity + excluded.quantity, events = r.events + excluded.events,
        unbilled = usage_added(r.unbilled, excluded.unbilled), free = usage_added(r.free, excluded.free),
        free_events = usage_added(r.free_events, excluded.free_events)
$$;
