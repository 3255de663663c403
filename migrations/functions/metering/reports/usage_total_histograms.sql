-- Returns all orgs' histograms by UTC day, for staff, for one dimension; '' is the total: what is folded plus the events
-- above the watermark. Packed; NULL where no event has any.
CREATE OR REPLACE FUNCTION usage_total_histograms(first date, last date, wanted text)
RETURNS TABLE (day date, meter_id integer, value text, responses numeric, latency numeric, sizes numeric)
LANGUAGE plpgsql STABLE AS $$
DECLARE mark record;
BEGIN
    SELECT * INTO mark FROM rollup_watermark(NULL);
    RETURN QUERY
    SELECT u.day, u.meter_id, u.value, sum(u.responses), sum(u.latency), sum(u.sizes)
    FROM (
        SELECT t.day, t.meter_id, t.value, t.responses, t.latency, t.sizes FROM usage_totals t
        WHERE mark.valid AND t.day BETWEEN first AND last AND t.dimension = wanted
        UNION ALL
        SELECT (c.occurred_at AT TIME ZONE 'UTC')::date, c.meter_id, d.value, c.sign * usage_packed(c.response),
               c.sign * usage_packed(c.latency), c.sign * usage_packed(c.size)
        FROM usage_recorded c,
             LATERAL usage_total_dimensions(true, c.plan, c.kind, c.provider, c.endpoint, c.utc_hour) d
        WHERE c.tx >= mark.upto AND c.seq > mark.floor_seq
          AND c.occurred_at >= first::timestamp AT TIME ZONE 'UTC'
          AND c.occurred_at < (last + 1)::timestamp AT TIME ZONE 'UTC'
          AND d.dimension = wanted
    ) u
    WHERE num_nonnulls(u.responses, u.latency, u.sizes) > 0
    GROUP BY u.day, u.meter_id, u.value;
END $$;
