-- Folds the transactions [state.upto, upto) into days, months and totals. Sums and counts are added, maxima only grow;
-- rollup_fold_values folds unique values, and rollup_recompute_peaks lowers maxima whose event is reversed. What is
-- neither, the months of users, the parts that are not billed and the histograms, is added here for all meters.
--
-- The events are read twice, and grouped by what is kept together: endpoints apart from kinds, users apart from labels.
-- So a group has many events, and dimensions are then summed from few rows. Only what `measured` reads has histograms.
--
-- The planner cannot estimate a span's rows from the BRIN index on tx: so nested loops and sorts are disabled in favour
-- of hashing, and the range of local_at, which always holds, keeps it from expecting more groups than memory has room
-- for. OFFSET 0 keeps local_at from being computed once more for each use.
CREATE OR REPLACE FUNCTION rollup_fold_span(state rollup_state, upto bigint) RETURNS bigint
LANGUAGE plpgsql SET enable_nestloop = off SET enable_sort = off SET work_mem = '64MB' AS $$
DECLARE
    peaks integer[] := ARRAY(SELECT m.id FROM catalog_meters m WHERE m.aggregation = 'max');
    uniques integer[] := ARRAY(SELECT m.id FROM catalog_meters m WHERE m.aggregation = 'unique');
    folded bigint;
    orgs uuid[];
    subjects uuid[];
    days date[];
BEGIN
    WITH events AS NOT MATERIALIZED (
        SELECT r.org_id, r.meter_id, r.aggregation, r.local_at::date AS day, usage_hour(r.aggregation, r.local_at) AS hour,
               r.utc_at::date AS utc_day, usage_hour(r.aggregation, r.utc_at) AS utc_hour, r.kind, r.provider, r.endpoint,
               r."key", r.plan, r."user", r.client, r.language, r.format, r.attempt, r.status, r.counted, r.sign, r.amount,
               r.unbilled_part, r.free_part, r.free_sign, r.response, r.latency, r.size
        FROM (SELECT r.* FROM usage_recorded r
              WHERE r.tx >= state.upto AND r.tx < upto AND r.seq > state.floor_seq OFFSET 0) r
        WHERE r.local_at BETWEEN '-infinity' AND 'infinity'
    ), measured AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, c.day, c.utc_day, c.hour, c.utc_hour, c.kind, c.provider, c.endpoint, c."key", c.plan,
               GROUPING(c.endpoint) = 1 AS whole,
               sum(c.amount) FILTER (WHERE c.counted) AS quantity,
               max(c.amount) FILTER (WHERE c.counted AND c.aggregation = 'max') AS peak,
               count(*) FILTER (WHERE c.counted) AS events,
               sum(c.unbilled_part) FILTER (WHERE c.unbilled_part IS NOT NULL) AS unbilled,
               sum(c.free_part) FILTER (WHERE c.free_part IS NOT NULL) AS free, sum(c.free_sign) AS free_events,
               sum(c.sign * usage_packed(c.response)) FILTER (WHERE c.response IS NOT NULL) AS responses,
               sum(c.sign * usage_packed(c.latency)) FILTER (WHERE c.latency IS NOT NULL) AS latency,
               sum(c.sign * usage_packed(c.size)) FILTER (WHERE c.size IS NOT NULL) AS sizes
        FROM events c
        GROUP BY GROUPING SETS (
            (c.meter_id, c.org_id, c.day, c.utc_day, c.hour, c.utc_hour, c.kind, c.provider, c."key", c.plan),
            (c.meter_id, c.org_id, c.day, c.utc_day, c.endpoint))
    ), labelled AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, c.day, c."user", c.client, c.kind, c.provider, c.language, c.format, c.attempt,
               c.status, GROUPING(c."user") = 0 AS by_user,
               sum(c.amount) FILTER (WHERE c.counted) AS quantity,
               max(c.amount) FILTER (WHERE c.counted AND c.aggregation = 'max') AS peak,
               count(*) FILTER (WHERE c.counted) AS events,
               sum(c.unbilled_part) FILTER (WHERE c.unbilled_part IS NOT NULL) AS unbilled,
               sum(c.free_part) FILTER (WHERE c.free_part IS NOT NULL) AS free, sum(c.free_sign) AS free_events
        FROM events c
        WHERE num_nonnulls(c."user", c.client, c.language, c.format, c.attempt, c.status) > 0
        GROUP BY GROUPING SETS (
            (c.meter_id, c.org_id, c.day, c."user", c.kind, c.provider, c.format, c.attempt),
            (c.meter_id, c.org_id, c.day, c.client),
            (c.meter_id, c.org_id, c.day, c.language, c.format, c.attempt, c.status))
    ), figures AS MATERIALIZED (
        SELECT e.org_id, e.day, e.meter_id, e.dimension, e.value,
               CASE WHEN e.meter_id = ANY (peaks) THEN greatest(max(e.peak), 0)
                    WHEN e.meter_id = ANY (uniques) THEN 0 ELSE coalesce(sum(e.quantity), 0) END AS quantity,
               CASE WHEN e.meter_id = ANY (uniques) THEN 0 ELSE sum(e.events)::bigint END AS events,
               sum(e.unbilled) FILTER (WHERE e.unbilled IS NOT NULL) AS unbilled,
               sum(e.free) FILTER (WHERE e.free IS NOT NULL) AS free, sum(e.free_events)::bigint AS free_events,
               sum(e.responses) FILTER (WHERE e.responses IS NOT NULL AND e.measured) AS responses,
               sum(e.latency) FILTER (WHERE e.latency IS NOT NULL AND e.measured) AS latency,
               sum(e.sizes) FILTER (WHERE e.sizes IS NOT NULL AND e.measured) AS sizes
        FROM (
            SELECT m.org_id, m.day, m.meter_id, d.dimension, d.value, d.measured, m.quantity, m.peak, m.events,
                   m.unbilled, m.free, m.free_events, m.responses, m.latency, m.sizes
            FROM measured m,
                 LATERAL usage_dimensions(m.whole, m.kind, m.provider, m.endpoint, m."key", m.plan, m.hour) d
            UNION ALL
            SELECT NULL, m.utc_day, m.meter_id, d.dimension, d.value, true, m.quantity, m.peak, m.events,
                   m.unbilled, m.free, m.free_events, m.responses, m.latency, m.sizes
            FROM measured m,
                 LATERAL usage_total_dimensions(m.whole, m.plan, m.kind, m.provider, m.endpoint, m.utc_hour) d
            UNION ALL
            SELECT l.org_id, l.day, l.meter_id, d.dimension, d.value, false, l.quantity, l.peak, l.events, l.unbilled,
                   l.free, l.free_events, NULL, NULL, NULL
            FROM labelled l,
                 LATERAL usage_label_dimensions(l."user", l.client, l.language, CASE WHEN NOT l.by_user THEN l.format END,
                                                CASE WHEN NOT l.by_user THEN l.attempt END, l.status) d
        ) e
        GROUP BY 1, 2, 3, 4, 5
    ), into_orgs AS (
        INSERT INTO rollup_orgs (org_id, time_zone, stale)
        SELECT o.id, o.time_zone, false FROM accounts_orgs o WHERE o.id IN (SELECT f.org_id FROM figures f)
        ON CONFLICT (org_id) DO NOTHING
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
        SELECT l.org_id, l."user", date_trunc('month', l.day)::date, l.meter_id, d.dimension, d.value,
               CASE WHEN l.meter_id <> ALL (peaks || uniques) THEN coalesce(sum(l.quantity), 0) END,
               sum(l.events)::bigint, sum(l.unbilled) FILTER (WHERE l.unbilled IS NOT NULL),
               sum(l.free) FILTER (WHERE l.free IS NOT NULL), sum(l.free_events)::bigint
        FROM labelled l,
             LATERAL (VALUES ('kind', l.kind), ('provider', l.provider), ('format', l.format), ('attempt', l.attempt))
                 d (dimension, value)
        WHERE l."user" IS NOT NULL AND d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2
        ON CONFLICT (org_id, subject_id, month, meter_id, dimension, value) DO UPDATE SET
            quantity = usage_added(r.quantity, excluded.quantity), events = r.events + excluded.events,
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
    SELECT coalesce(sum(f.events) FILTER (WHERE f.org_id IS NULL), 0), array_agg(f.org_id) FILTER (WHERE f.is_seen),
           array_agg(CASE f.dimension WHEN 'user' THEN f.value::uuid ELSE f.org_id END) FILTER (WHERE f.is_seen),
           array_agg(f.day) FILTER (WHERE f.is_seen)
    INTO folded, orgs, subjects, days
    FROM (SELECT f.*, f.org_id IS NOT NULL AND f.events > 0 AS is_seen FROM figures f
          WHERE f.dimension = '' OR f.dimension = 'user') f;
    PERFORM rollup_add_active(orgs, subjects, days);
    RETURN folded;
END $$;
