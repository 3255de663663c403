-- Rebuilds some orgs' roll-ups from the events below the watermark. The caller must hold the lock of rollup_lock_key.
CREATE OR REPLACE FUNCTION rollup_rebuild(orgs uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE state rollup_state;
BEGIN
    SELECT * INTO state FROM rollup_state WHERE name = 'orgs';
    PERFORM rollup_add_unique_totals(orgs, -1);
    PERFORM rollup_add_active_counts(orgs, -1);
    INSERT INTO rollup_orgs (org_id, time_zone, stale)
    SELECT o.id, o.time_zone, false FROM accounts_orgs o WHERE o.id = ANY (orgs)
    ON CONFLICT (org_id) DO UPDATE SET time_zone = excluded.time_zone, stale = false;
    DELETE FROM rollup_values v WHERE v.org_id = ANY (orgs);
    DELETE FROM usage_days d WHERE d.org_id = ANY (orgs);
    DELETE FROM usage_months m WHERE m.org_id = ANY (orgs);
    DELETE FROM usage_user_months u WHERE u.org_id = ANY (orgs);
    DELETE FROM usage_active_months a WHERE a.org_id = ANY (orgs);
    INSERT INTO usage_days (org_id, day, meter_id, dimension, value, quantity, events)
    SELECT * FROM usage_figures('day', orgs, NULL, '-infinity', 'infinity', state.upto, state.floor_seq);
    INSERT INTO usage_months (org_id, month, meter_id, dimension, value, quantity, events)
    SELECT * FROM usage_figures('month', orgs, NULL, '-infinity', 'infinity', state.upto, state.floor_seq);
    INSERT INTO usage_days (org_id, day, meter_id, dimension, value, quantity, events, unbilled, free, free_events,
                            responses, latency, sizes)
    SELECT m.org_id, m.day, m.meter_id, m.dimension, m.value, 0, 0, m.unbilled, m.free, m.free_events, m.responses,
           m.latency, m.sizes
    FROM usage_measures('day', orgs, state.upto, state.floor_seq) m
    ON CONFLICT (org_id, dimension, day, meter_id, value)
    DO UPDATE SET unbilled = excluded.unbilled, free = excluded.free, free_events = excluded.free_events,
        responses = excluded.responses, latency = excluded.latency, sizes = excluded.sizes;
    INSERT INTO usage_months (org_id, month, meter_id, dimension, value, quantity, events, unbilled, free, free_events,
                            responses, latency, sizes)
    SELECT m.org_id, m.day, m.meter_id, m.dimension, m.value, 0, 0, m.unbilled, m.free, m.free_events, m.responses,
           m.latency, m.sizes
    FROM usage_measures('month', orgs, state.upto, state.floor_seq) m
    ON CONFLICT (org_id, dimension, month, meter_id, value)
    DO UPDATE SET unbilled = excluded.unbilled, free = excluded.free, free_events = excluded.free_events,
        responses = excluded.responses, latency = excluded.latency, sizes = excluded.sizes;
    INSERT INTO usage_user_months (org_id, subject_id, month, meter_id, dimension, value, quantity, events, unbilled, free,
                                   free_events)
    SELECT * FROM usage_user_figures(orgs, state.upto, state.floor_seq);
    INSERT INTO rollup_values (org_id, meter_id, value_hash, day, standing)
    SELECT * FROM rollup_value_figures(orgs, state.upto, state.floor_seq) ORDER BY 1, 2, 3, 4;
    INSERT INTO usage_active_months (org_id, subject_id, month, days)
    SELECT * FROM usage_active_figures(orgs, state.upto, state.floor_seq) ORDER BY 1, 2, 3;
    PERFORM rollup_add_unique_totals(orgs, 1);
    PERFORM rollup_add_active_counts(orgs, 1);
END $$;
