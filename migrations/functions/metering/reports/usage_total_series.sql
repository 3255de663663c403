-- Returns all orgs' usage by UTC day, for staff: totals plus the events above the watermark. Unique values are as of
-- the last fold.
CREATE OR REPLACE FUNCTION usage_total_series(first date, last date, wanted text)
RETURNS TABLE (day date, meter_id integer, value text, quantity numeric, events bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE mark record;
BEGIN
    SELECT * INTO mark FROM rollup_watermark(NULL);
    RETURN QUERY
    SELECT u.day, u.meter_id, u.value,
           CASE WHEN m.aggregation = 'max' THEN max(u.quantity) ELSE sum(u.quantity) END, sum(u.events)::bigint
    FROM (
        SELECT t.day, t.meter_id, t.value, t.quantity, t.events FROM usage_totals t
        WHERE mark.valid AND t.day BETWEEN first AND last AND t.dimension = wanted AND t.events > 0
        UNION ALL
        SELECT (c.occurred_at AT TIME ZONE 'UTC')::date, c.meter_id, d.value,
               CASE WHEN c.aggregation = 'max' THEN max(c.amount) ELSE sum(c.amount) END, count(*)
        FROM usage_counted c, LATERAL usage_total_dimensions(true, c.plan, c.kind, c.provider, c.endpoint, c.utc_hour) d
        WHERE c.tx >= mark.upto AND c.seq > mark.floor_seq AND c.aggregation <> 'unique'
          AND c.occurred_at >= first::timestamp AT TIME ZONE 'UTC'
          AND c.occurred_at < (last + 1)::timestamp AT TIME ZONE 'UTC'
          AND d.dimension = wanted
        GROUP BY 1, 2, 3, c.aggregation
    ) u JOIN catalog_meters m ON m.id = u.meter_id
    GROUP BY u.day, u.meter_id, u.value, m.aggregation;
END $$;
