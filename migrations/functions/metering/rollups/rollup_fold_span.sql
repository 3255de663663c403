-- Folds the transactions [state.upto, upto) into days, months and totals. Sums and counts are added, maxima only grow;
-- rollup_fold_values folds unique values, and rollup_recompute_peaks lowers maxima whose event is reversed. What is
-- neither, the months of users, the parts that are not billed and the histograms, is added here for all meters.
-- `coarse` leaves out the dimensions with many values: most of a span's events are alike then, and the other dimensions
-- are summed from few rows.
--
-- The planner cannot estimate a span's rows from the BRIN index on tx, so nested loops are disabled in favour of
-- hashing.
CREATE OR REPLACE FUNCTION rollup_fold_span(state rollup_state, upto bigint) RETURNS bigint
LANGUAGE plpgsql SET enable_nestloop = off SET work_mem = '64MB' AS $$
DECLARE
    peaks integer[] := ARRAY(SELECT m.id FROM catalog_meters m WHERE m.aggregation = 'max');
    folded bigint;
BEGIN
    INSERT INTO rollup_orgs (org_id, time_zone, stale)
    SELECT o.id, o.time_zone, false FROM accounts_orgs o JOIN (
        SELECT DISTINCT e.org_id FROM usage_events e
        WHERE e.tx >= state.upto AND e.tx < upto AND e.seq > state.floor_seq) e ON e.org_id = o.id
    ON CONFLICT (org_id) DO NOTHING;

    WITH batch AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, c.local_at::date AS day, (c.occurred_at AT TIME ZONE 'UTC')::date AS utc_day, c.hour,
               c.utc_hour,
               c.kind, c.provider, c.endpoint, c."user", c.client, c."key", c.plan, c.language, c.format, c.attempt,
               c.status, c.aggregation IN ('sum', 'count') AS is_sum,
               CASE WHEN c.counted AND c.aggregation IN ('sum', 'count') THEN sum(c.amount) END AS quantity,
               CASE WHEN c.counted AND c.aggregation = 'max' THEN greatest(max(c.amount), 0) END AS peak,
               CASE WHEN c.counted AND c.aggregation <> 'unique' THEN count(*)::integer END AS events,
               CASE WHEN c.counted THEN count(*)::integer ELSE 0 END AS numbered,
               sum(c.unbilled_part) FILTER (WHERE c.unbilled_part IS NOT NULL) AS unbilled,
               sum(c.free_part) FILTER (WHERE c.free_part IS NOT NULL) AS free, sum(c.free_sign)::integer AS free_events,
               sum(c.sign) * usage_packed(c.response) AS responses, sum(c.sign) * usage_packed(c.latency) AS latency,
               sum(c.sign) * usage_packed(c.size) AS sizes
        FROM usage_recorded c
        WHERE c.tx >= state.upto AND c.tx < upto AND c.seq > state.floor_seq
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, c.counted, c.aggregation, c.response,
                 c.latency, c.size
    ), coarse AS MATERIALIZED (
        SELECT b.org_id, b.meter_id, b.day, b.utc_day, b.hour, b.utc_hour, b.kind, b.provider, b."key", b.plan,
               b.language, b.format, b.attempt, b.status, sum(b.quantity) FILTER (WHERE b.quantity IS NOT NULL) AS quantity,
               max(b.peak) AS peak, sum(b.events)::integer AS events,
               sum(b.unbilled) FILTER (WHERE b.unbilled IS NOT NULL) AS unbilled,
               sum(b.free) FILTER (WHERE b.free IS NOT NULL) AS free, sum(b.free_events)::integer AS free_events,
               sum(b.responses) FILTER (WHERE b.responses IS NOT NULL) AS responses,
               sum(b.latency) FILTER (WHERE b.latency IS NOT NULL) AS latency,
               sum(b.sizes) FILTER (WHERE b.sizes IS NOT NULL) AS sizes
        FROM batch b GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
    ), figures AS MATERIALIZED (
        SELECT e.org_id, e.day, e.meter_id, e.dimension, e.value,
               coalesce(sum(e.quantity) FILTER (WHERE e.quantity IS NOT NULL), max(e.peak), 0) AS quantity,
               coalesce(sum(e.events), 0) AS events, sum(e.unbilled) FILTER (WHERE e.unbilled IS NOT NULL) AS unbilled,
               sum(e.free) FILTER (WHERE e.free IS NOT NULL) AS free, sum(e.free_events) AS free_events,
               sum(e.responses) FILTER (WHERE e.responses IS NOT NULL AND e.measured) AS responses,
               sum(e.latency) FILTER (WHERE e.latency IS NOT NULL AND e.measured) AS latency,
               sum(e.sizes) FILTER (WHERE e.sizes IS NOT NULL AND e.measured) AS sizes
        FROM (
            SELECT c.org_id, c.day, c.meter_id, d.dimension, d.value, d.measured, c.quantity, c.peak, c.events,
                   c.unbilled, c.free, c.free_events, c.responses, c.latency, c.sizes
            FROM coarse c,
                 LATERAL usage_dimensions(c.kind, c.provider, c."key", c.plan, c.language, c.format, c.attempt, c.status,
                                          c.hour) d
            UNION ALL
            SELECT b.org_id, b.day, b.meter_id, d.dimension, d.value, d.measured, b.quantity, b.peak, b.events,
                   b.unbilled, b.free, b.free_events, b.responses, b.latency, b.sizes
            FROM batch b, LATERAL usage_wide_dimensions(b.endpoint, b."user", b.client) d
            UNION ALL
            SELECT NULL, c.utc_day, c.meter_id, d.dimension, d.value, true, c.quantity, c.peak, c.events,
                   c.unbilled, c.free, c.free_events, c.responses, c.latency, c.sizes
            FROM coarse c, LATERAL usage_total_dimensions(c.plan, c.kind, c.provider, NULL, c.utc_hour) d
            UNION ALL
            SELECT NULL, b.utc_day, b.meter_id, 'endpoint', b.endpoint, true, b.quantity, b.peak, b.events,
                   b.unbilled, b.free, b.free_events, b.responses, b.latency, b.sizes
            FROM batch b WHERE b.endpoint IS NOT NULL
        ) e
        GROUP BY 1, 2, 3, 4, 5
    ), into_days AS (
        INSERT INTO usage_days AS r (org_id, day, meter_id, dimension, value, quantity, events, unbilled, free,
                                     free_events, responses, latency, sizes)
        SELECT * FROM figures d WHERE d.org_id IS NOT NULL ORDER BY d.org_id, d.dimension, d.day
        ON CONFLICT (org_id, dimension, day, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END,
            unbilled = usage_added(r.unbilled, excluded.unbilled), free = usage_added(r.free, excluded.free),
            free_events = usage_added(r.free_events, excluded.free_events),
            responses = usage_added(r.responses, excluded.responses),
            latency = usage_added(r.latency, excluded.latency), sizes = usage_added(r.sizes, excluded.sizes)
    ), into_months AS (
        INSERT INTO usage_months AS r (org_id, month, meter_id, dimension, value, quantity, events, unbilled, free,
                                       free_events, responses, latency, sizes)
        SELECT d.org_id, date_trunc('month', d.day)::date, d.meter_id, d.dimension, d.value,
               CASE WHEN d.meter_id = ANY (peaks) THEN max(d.quantity) ELSE sum(d.quantity) END, sum(d.events)::bigint,
               sum(d.unbilled) FILTER (WHERE d.unbilled IS NOT NULL), sum(d.free) FILTER (WHERE d.free IS NOT NULL),
               sum(d.free_events)::bigint, sum(d.responses) FILTER (WHERE d.responses IS NOT NULL),
               sum(d.latency) FILTER (WHERE d.latency IS NOT NULL), sum(d.sizes) FILTER (WHERE d.sizes IS NOT NULL)
        FROM figures d WHERE d.org_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 4, 2
        ON CONFLICT (org_id, dimension, month, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END,
            unbilled = usage_added(r.unbilled, excluded.unbilled), free = usage_added(r.free, excluded.free),
            free_events = usage_added(r.free_events, excluded.free_events),
            responses = usage_added(r.responses, excluded.responses),
            latency = usage_added(r.latency, excluded.latency), sizes = usage_added(r.sizes, excluded.sizes)
    ), into_users AS (
        INSERT INTO usage_user_months AS r (org_id, subject_id, month, meter_id, dimension, value, quantity, events,
                                            unbilled, free, free_events)
        SELECT b.org_id, b."user"::uuid, date_trunc('month', b.day)::date, b.meter_id, d.dimension, d.value,
               CASE WHEN b.is_sum THEN coalesce(sum(b.quantity) FILTER (WHERE b.quantity IS NOT NULL), 0) END,
               sum(b.numbered), sum(b.unbilled) FILTER (WHERE b.unbilled IS NOT NULL),
               sum(b.free) FILTER (WHERE b.free IS NOT NULL), sum(b.free_events)
        FROM batch b,
             LATERAL (VALUES ('kind', b.kind), ('provider', b.provider), ('format', b.format), ('attempt', b.attempt))
                 d (dimension, value)
        WHERE b."user" IS NOT NULL AND d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6, b.is_sum ORDER BY 1, 2
        ON CONFLICT (org_id, subject_id, month, meter_id, dimension, value) DO UPDATE
        SET quantity = r.quantity + excluded.quantity, events = r.events + excluded.events,
            unbilled = usage_added(r.unbilled, excluded.unbilled), free = usage_added(r.free, excluded.free),
            free_events = usage_added(r.free_events, excluded.free_events)
    ), into_totals AS (
        INSERT INTO usage_totals AS r (day, meter_id, dimension, value, quantity, events, unbilled, free, free_events,
                                       responses, latency, sizes)
        SELECT f.day, f.meter_id, f.dimension, f.value, f.quantity, f.events, f.unbilled, f.free, f.free_events,
               f.responses, f.latency, f.sizes
        FROM figures f WHERE f.org_id IS NULL
        ON CONFLICT (day, dimension, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END,
            unbilled = usage_added(r.unbilled, excluded.unbilled), free = usage_added(r.free, excluded.free),
            free_events = usage_added(r.free_events, excluded.free_events),
            responses = usage_added(r.responses, excluded.responses),
            latency = usage_added(r.latency, excluded.latency), sizes = usage_added(r.sizes, excluded.sizes)
    )
    SELECT coalesce(sum(b.events), 0) INTO folded FROM batch b;
    RETURN folded;
END $$;
