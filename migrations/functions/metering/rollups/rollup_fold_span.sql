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
        SELECT c.org_id, c.meter_id, c.local_at::date AS day, (c.occurred_at AT TIME ZONE 'UTC')::date AS utc_day,
               CASE WHEN c.aggregation <> 'unique' THEN c.hour END AS hour,
               date_part('hour', c.occurred_at AT TIME ZONE 'UTC')::integer AS utc_hour,
               c.kind, c.provider, c.endpoint, c."user", c.client, c."key", c.plan, c.language, c.format, c.attempt,
               c.status, c.counted, c.aggregation IN ('sum', 'count') AND c.unbilled AS is_part,
               c.aggregation = 'max' AS is_peak, c.aggregation IN ('sum', 'count') AS is_sum,
               CASE c.aggregation WHEN 'max' THEN greatest(max(c.amount), 0) WHEN 'unique' THEN 0
                                  ELSE sum(c.amount) END AS quantity,
               CASE WHEN c.aggregation <> 'unique' THEN count(*) ELSE 0 END AS events, count(*) AS numbered,
               sum(c.sign) AS signs,
               sum(c.sign) * usage_packed(c.response) AS responses, sum(c.sign) * usage_packed(c.latency) AS latency,
               sum(c.sign) * usage_packed(c.size) AS sizes
        FROM usage_recorded c
        WHERE c.tx >= state.upto AND c.tx < upto AND c.seq > state.floor_seq
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, c.aggregation, c.response,
                 c.latency, c.size
    ), coarse AS MATERIALIZED (
        SELECT b.org_id, b.meter_id, b.day, b.utc_day, b.hour, b.utc_hour, b.kind, b.provider, b."key", b.plan,
               b.language, b.format, b.attempt, b.status, b.counted, b.is_part, b.is_peak,
               CASE WHEN b.is_peak THEN max(b.quantity) ELSE sum(b.quantity) END AS quantity,
               sum(b.events) AS events, sum(b.signs) AS signs,
               sum(b.responses) FILTER (WHERE b.responses IS NOT NULL) AS responses,
               sum(b.latency) FILTER (WHERE b.latency IS NOT NULL) AS latency,
               sum(b.sizes) FILTER (WHERE b.sizes IS NOT NULL) AS sizes
        FROM batch b GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
    ), days AS MATERIALIZED (
        SELECT c.org_id, c.day, c.meter_id, d.dimension, d.value,
               coalesce(sum(c.quantity) FILTER (WHERE c.counted AND NOT c.is_peak),
                        max(c.quantity) FILTER (WHERE c.counted AND c.is_peak), 0) AS quantity,
               coalesce(sum(c.events) FILTER (WHERE c.counted), 0)::bigint AS events,
               sum(c.quantity) FILTER (WHERE c.is_part AND c.counted) AS unbilled,
               sum(c.quantity) FILTER (WHERE c.is_part AND NOT c.counted) AS free,
               sum(c.signs) FILTER (WHERE NOT c.counted)::bigint AS free_events,
               sum(c.responses) FILTER (WHERE c.responses IS NOT NULL AND d.measured) AS responses,
               sum(c.latency) FILTER (WHERE c.latency IS NOT NULL AND d.measured) AS latency,
               sum(c.sizes) FILTER (WHERE c.sizes IS NOT NULL AND d.measured) AS sizes
        FROM coarse c,
             LATERAL (VALUES ('', '', true), ('kind', c.kind, true), ('provider', c.provider, true),
                             ('key', c."key", true), ('plan', c.plan, false), ('language', c.language, false),
                             ('format', c.format, false), ('attempt', c.attempt, false), ('status', c.status, false),
                             ('hour', lpad(c.hour::text, 2, '0'), true)) d (dimension, value, measured)
        WHERE d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
        UNION ALL
        SELECT b.org_id, b.day, b.meter_id, d.dimension, d.value,
               coalesce(sum(b.quantity) FILTER (WHERE b.counted AND NOT b.is_peak),
                        max(b.quantity) FILTER (WHERE b.counted AND b.is_peak), 0) AS quantity,
               coalesce(sum(b.events) FILTER (WHERE b.counted), 0)::bigint AS events,
               sum(b.quantity) FILTER (WHERE b.is_part AND b.counted) AS unbilled,
               sum(b.quantity) FILTER (WHERE b.is_part AND NOT b.counted) AS free,
               sum(b.signs) FILTER (WHERE NOT b.counted)::bigint AS free_events,
               sum(b.responses) FILTER (WHERE b.responses IS NOT NULL AND d.measured) AS responses,
               sum(b.latency) FILTER (WHERE b.latency IS NOT NULL AND d.measured) AS latency,
               sum(b.sizes) FILTER (WHERE b.sizes IS NOT NULL AND d.measured) AS sizes
        FROM batch b,
             LATERAL (VALUES ('endpoint', b.endpoint, true), ('user', b."user", false), ('client', b.client, false))
                 d (dimension, value, measured)
        WHERE d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
    ), into_days AS (
        INSERT INTO usage_days AS r (org_id, day, meter_id, dimension, value, quantity, events, unbilled, free,
                                     free_events, responses, latency, sizes)
        SELECT * FROM days d ORDER BY d.org_id, d.dimension, d.day
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
        FROM days d GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 4, 2
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
               CASE WHEN b.is_sum THEN coalesce(sum(b.quantity) FILTER (WHERE b.counted), 0) END,
               coalesce(sum(b.numbered) FILTER (WHERE b.counted), 0)::bigint,
               sum(b.quantity) FILTER (WHERE b.is_part AND b.counted),
               sum(b.quantity) FILTER (WHERE b.is_part AND NOT b.counted),
               sum(b.signs) FILTER (WHERE NOT b.counted)::bigint
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
        SELECT c.utc_day, c.meter_id, d.dimension, d.value,
               coalesce(sum(c.quantity) FILTER (WHERE c.counted AND NOT c.is_peak),
                        max(c.quantity) FILTER (WHERE c.counted AND c.is_peak), 0) AS quantity,
               coalesce(sum(c.events) FILTER (WHERE c.counted), 0)::bigint AS events,
               sum(c.quantity) FILTER (WHERE c.is_part AND c.counted) AS unbilled,
               sum(c.quantity) FILTER (WHERE c.is_part AND NOT c.counted) AS free,
               sum(c.signs) FILTER (WHERE NOT c.counted)::bigint AS free_events,
               sum(c.responses) FILTER (WHERE c.responses IS NOT NULL) AS responses,
               sum(c.latency) FILTER (WHERE c.latency IS NOT NULL) AS latency,
               sum(c.sizes) FILTER (WHERE c.sizes IS NOT NULL) AS sizes
        FROM coarse c,
             LATERAL (VALUES ('', ''), ('plan', c.plan), ('kind', c.kind), ('provider', c.provider),
                             ('hour', CASE WHEN c.hour IS NOT NULL THEN lpad(c.utc_hour::text, 2, '0') END))
                 d (dimension, value)
        WHERE d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4
        UNION ALL
        SELECT b.utc_day, b.meter_id, 'endpoint', b.endpoint,
               coalesce(sum(b.quantity) FILTER (WHERE b.counted AND NOT b.is_peak),
                        max(b.quantity) FILTER (WHERE b.counted AND b.is_peak), 0) AS quantity,
               coalesce(sum(b.events) FILTER (WHERE b.counted), 0)::bigint AS events,
               sum(b.quantity) FILTER (WHERE b.is_part AND b.counted) AS unbilled,
               sum(b.quantity) FILTER (WHERE b.is_part AND NOT b.counted) AS free,
               sum(b.signs) FILTER (WHERE NOT b.counted)::bigint AS free_events,
               sum(b.responses) FILTER (WHERE b.responses IS NOT NULL) AS responses,
               sum(b.latency) FILTER (WHERE b.latency IS NOT NULL) AS latency,
               sum(b.sizes) FILTER (WHERE b.sizes IS NOT NULL) AS sizes
        FROM batch b WHERE b.endpoint IS NOT NULL
        GROUP BY 1, 2, 3, 4
        ON CONFLICT (day, dimension, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END,
            unbilled = usage_added(r.unbilled, excluded.unbilled), free = usage_added(r.free, excluded.free),
            free_events = usage_added(r.free_events, excluded.free_events),
            responses = usage_added(r.responses, excluded.responses),
            latency = usage_added(r.latency, excluded.latency), sizes = usage_added(r.sizes, excluded.sizes)
    )
    SELECT coalesce(sum(b.events) FILTER (WHERE b.counted), 0) INTO folded FROM batch b;
    RETURN folded;
END $$;
