-- Returns what an org, or one of its users (`subject`), used by month of the org's zone and meter: totals, as dimension
-- '', and by kind, provider, format and attempt: the `most` values of each with the most events, and one row without a
-- value for the others. The roll-up plus the events above the watermark. A user's totals are of all months up to `last`.
CREATE OR REPLACE FUNCTION usage_month_parts(org uuid, subject uuid, first date, last date, most integer)
RETURNS TABLE (month date, meter_id integer, dimension text, value text, quantity numeric, events bigint,
               unbilled numeric, free numeric, free_events bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT r.month, r.meter_id, r.dimension, CASE WHEN NOT r.is_rest THEN r.value END,
           CASE WHEN NOT r.is_rest OR m.aggregation IN ('sum', 'count') THEN sum(r.quantity) END,
           sum(r.events)::bigint, sum(r.unbilled), sum(r.free), sum(r.free_events)::bigint
    FROM (
        SELECT f.*, row_number() OVER (PARTITION BY f.month, f.meter_id, f.dimension
                                       ORDER BY f.events DESC, f.value) > most AS is_rest
        FROM (
            SELECT a.dimension, a.day AS month, a.meter_id, a.value, a.quantity, a.events, a.unbilled, a.free,
                   a.free_events
            FROM usage_over_time('month', org, first, last, NULL, NULL,
                                 ARRAY['', 'kind', 'provider', 'format', 'attempt'], true) a
            WHERE subject IS NULL
            UNION ALL
            SELECT u.dimension, u.month, u.meter_id, u.value, u.quantity, u.events, u.unbilled, u.free, u.free_events
            FROM usage_user_parts(org, subject, first, last) u WHERE subject IS NOT NULL) f
    ) r JOIN catalog_meters m ON m.id = r.meter_id
    GROUP BY r.month, r.meter_id, r.dimension, CASE WHEN NOT r.is_rest THEN r.value END, r.is_rest, m.aggregation;
END $$;
