-- Folds the transactions [state.upto, upto) into days, months and totals. Sums and counts are added, maxima only grow;
-- rollup_fold_values folds unique values, and rollup_recompute_peaks lowers maxima whose event is reversed.
--
-- The planner cannot estimate a span's rows from the BRIN index on tx, so nested loops are disabled in favour of
-- hashing.
CREATE OR REPLACE FUNCTION rollup_fold_span(state rollup_state, upto bigint) RETURNS bigint
LANGUAGE plpgsql SET enable_nestloop = off SET work_mem = '64MB' AS $$
DECLARE
    peaks integer[] := ARRAY(SELECT m.id FROM catalog_meters m WHERE m.aggregation = 'max');
    uniques integer[] := ARRAY(SELECT m.id FROM catalog_meters m WHERE m.aggregation = 'unique');
    folded bigint;
BEGIN
    INSERT INTO rollup_orgs (org_id, time_zone, stale)
    SELECT o.id, o.time_zone, false FROM accounts_orgs o JOIN (
        SELECT DISTINCT e.org_id FROM usage_events e
        WHERE e.tx >= state.upto AND e.tx < upto AND e.seq > state.floor_seq) e ON e.org_id = o.id
    ON CONFLICT (org_id) DO NOTHING;

    WITH batch AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, c.local_at::date AS day, (c.occurred_at AT TIME ZONE 'UTC')::date AS utc_day,
               c.kind, c.provider, c.endpoint, c."user", c.client, c."key", c.plan,
               CASE WHEN c.aggregation = 'max' THEN greatest(max(c.amount), 0) ELSE sum(c.amount) END AS quantity,
               count(*) AS events
        FROM usage_counted c
        WHERE c.tx >= state.upto AND c.tx < upto AND c.seq > state.floor_seq AND c.meter_id <> ALL (uniques)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, c.aggregation
    ), days AS MATERIALIZED (
        SELECT b.org_id, b.day, b.meter_id, d.dimension, d.value,
               CASE WHEN b.meter_id = ANY (peaks) THEN max(b.quantity) ELSE sum(b.quantity) END AS quantity,
               sum(b.events)::bigint AS events
        FROM batch b,
             LATERAL (VALUES ('', ''), ('kind', b.kind), ('provider', b.provider), ('endpoint', b.endpoint),
                             ('user', b."user"), ('client', b.client), ('key', b."key")) d (dimension, value)
        WHERE d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
    ), into_days AS (
        INSERT INTO usage_days AS r (org_id, day, meter_id, dimension, value, quantity, events)
        SELECT * FROM days d ORDER BY d.org_id, d.dimension, d.day
        ON CONFLICT (org_id, dimension, day, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END
    ), into_months AS (
        INSERT INTO usage_months AS r (org_id, month, meter_id, dimension, value, quantity, events)
        SELECT d.org_id, date_trunc('month', d.day)::date, d.meter_id, d.dimension, d.value,
               CASE WHEN d.meter_id = ANY (peaks) THEN max(d.quantity) ELSE sum(d.quantity) END, sum(d.events)::bigint
        FROM days d GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 4, 2
        ON CONFLICT (org_id, dimension, month, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END
    ), into_totals AS (
        INSERT INTO usage_totals AS r (day, meter_id, dimension, value, quantity, events)
        SELECT b.utc_day, b.meter_id, d.dimension, d.value,
               CASE WHEN b.meter_id = ANY (peaks) THEN max(b.quantity) ELSE sum(b.quantity) END, sum(b.events)::bigint
        FROM batch b,
             LATERAL (VALUES ('', ''), ('plan', b.plan), ('kind', b.kind), ('provider', b.provider))
                 d (dimension, value)
        WHERE d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4
        ON CONFLICT (day, dimension, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END
    )
    SELECT coalesce(sum(b.events), 0) INTO folded FROM batch b;
    RETURN folded;
END $$;
