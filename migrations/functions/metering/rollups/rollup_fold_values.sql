-- Folds the transactions [state.upto, upto) of unique meters into rollup_values, days, months and totals. A total for
-- staff is a sum over orgs, by days in their own time zones, and has no row per plan.
CREATE OR REPLACE FUNCTION rollup_fold_values(state rollup_state, upto bigint) RETURNS bigint
LANGUAGE plpgsql SET enable_nestloop = off SET work_mem = '64MB' AS $$
DECLARE
    folded bigint;
    orgs uuid[];
    subjects uuid[];
    active_on date[];
BEGIN
    WITH changes AS MATERIALIZED (
        SELECT * FROM rollup_value_changes(NULL, '-infinity', 'infinity', state.upto, upto, state.floor_seq)
    ), days AS MATERIALIZED (
        SELECT c.org_id, c.day, c.meter_id, c.dimension, c.value, sum(c.added) AS quantity,
               sum(c.events)::bigint AS events
        FROM changes c GROUP BY 1, 2, 3, 4, 5
    ), months AS (
        SELECT i.org_id, i.month, i.meter_id, i.dimension, i.value,
               sum(rollup_month_added(i.stood, i.days)) AS quantity, sum(i.events)::bigint AS events
        FROM (SELECT c.org_id, date_trunc('month', c.day::timestamp)::date AS month, c.meter_id, c.dimension, c.value,
                     c.value_hash, max(c.stood) AS stood, sum(c.added) AS days, sum(c.events) AS events
              FROM changes c GROUP BY 1, 2, 3, 4, 5, 6) i
        GROUP BY 1, 2, 3, 4, 5
    ), into_values AS (
        INSERT INTO rollup_values AS r (org_id, meter_id, value_hash, day, standing)
        SELECT c.org_id, c.meter_id, c.value_hash, c.day, c.standing FROM changes c
        WHERE c.value_hash IS NOT NULL ORDER BY 1, 2, 3, 4
        ON CONFLICT (org_id, meter_id, value_hash, day) DO UPDATE SET standing = excluded.standing
    ), into_days AS (
        INSERT INTO usage_days AS r (org_id, day, meter_id, dimension, value, quantity, events)
        SELECT * FROM days d ORDER BY d.org_id, d.dimension, d.day
        ON CONFLICT (org_id, dimension, day, meter_id, value)
        DO UPDATE SET quantity = r.quantity + excluded.quantity, events = r.events + excluded.events
    ), into_months AS (
        INSERT INTO usage_months AS r (org_id, month, meter_id, dimension, value, quantity, events)
        SELECT * FROM months m ORDER BY m.org_id, m.dimension, m.month
        ON CONFLICT (org_id, dimension, month, meter_id, value)
        DO UPDATE SET quantity = r.quantity + excluded.quantity, events = r.events + excluded.events
    ), into_totals AS (
        INSERT INTO usage_totals AS r (day, meter_id, dimension, value, quantity, events)
        SELECT d.day, d.meter_id, d.dimension, d.value, sum(d.quantity), sum(d.events)::bigint
        FROM days d WHERE d.dimension IN ('', 'kind', 'provider', 'endpoint') GROUP BY 1, 2, 3, 4
        ON CONFLICT (day, dimension, meter_id, value)
        DO UPDATE SET quantity = r.quantity + excluded.quantity, events = r.events + excluded.events
    )
    SELECT coalesce(sum(d.events) FILTER (WHERE d.dimension = ''), 0), array_agg(d.org_id),
           array_agg(CASE d.dimension WHEN 'user' THEN d.value::uuid ELSE d.org_id END), array_agg(d.day)
    INTO folded, orgs, subjects, active_on
    FROM days d WHERE d.dimension = '' OR d.dimension = 'user';
    PERFORM rollup_add_active(orgs, subjects, active_on);
    RETURN folded;
END $$;
