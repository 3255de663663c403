-- Returns what an org, or one of its users (`subject`), used by month of the org's zone and meter, by kind, provider,
-- format and attempt: the `most` values of each with the most events, and one row without a value for the others; of an
-- org also its totals, as dimension ''. The roll-up plus the events above the watermark.
CREATE OR REPLACE FUNCTION usage_month_parts(org uuid, subject uuid, first date, last date, most integer)
RETURNS TABLE (month date, meter_id integer, dimension text, value text, quantity numeric, events bigint,
               unbilled numeric, free numeric, free_events bigint)
LANGUAGE sql STABLE AS $$
    WITH mark AS MATERIALIZED (SELECT * FROM rollup_watermark(org)), found AS (
        SELECT a.day AS month, a.meter_id, d.dimension, a.value, a.quantity, a.events, a.unbilled, a.free, a.free_events
        FROM unnest(ARRAY['', 'kind', 'provider', 'format', 'attempt']) d (dimension),
             LATERAL usage_analytics('month', org, first, last, d.dimension) a
        WHERE subject IS NULL
        UNION ALL
        SELECT u.month, u.meter_id, u.dimension, u.value, sum(u.quantity), sum(u.events)::bigint,
               sum(u.unbilled), sum(u.free), sum(u.free_events)::bigint
        FROM (
            SELECT r.month, r.meter_id, r.dimension, r.value, r.quantity, r.events, r.unbilled, r.free, r.free_events
            FROM usage_user_months r, mark
            WHERE mark.valid AND r.org_id = org AND r.subject_id = subject
              AND r.month BETWEEN date_trunc('month', first::timestamp)::date AND last
            UNION ALL
            SELECT c.month, c.meter_id, c.dimension, c.value, c.quantity, c.events, c.unbilled, c.free, c.free_events
            FROM usage_by_user c, mark
            WHERE c.org_id = org AND c.subject_id = subject AND c.tx >= mark.upto AND c.seq > mark.floor_seq
              AND c.month BETWEEN date_trunc('month', first::timestamp)::date AND last) u
        GROUP BY 1, 2, 3, 4
    ), ranked AS (
        SELECT f.*, row_number() OVER (PARTITION BY f.month, f.meter_id, f.dimension
                                       ORDER BY f.events DESC, f.value) > most AS is_rest
        FROM found f
    )
    SELECT r.month, r.meter_id, r.dimension, r.value, r.quantity, r.events, r.unbilled, r.free, r.free_events
    FROM ranked r WHERE NOT r.is_rest
    UNION ALL
    SELECT r.month, r.meter_id, r.dimension, NULL,
           CASE WHEN m.aggregation IN ('sum', 'count') THEN sum(r.quantity) END, sum(r.events)::bigint,
           sum(r.unbilled), sum(r.free), sum(r.free_events)::bigint
    FROM ranked r JOIN catalog_meters m ON m.id = r.meter_id
    WHERE r.is_rest GROUP BY r.month, r.meter_id, r.dimension, m.aggregation
$$;
