-- Returns an org's usage above the watermark by 'day' or 'month' of its time zone, for some dimensions; with `measured`
-- also what does not count, parts and histograms. `lowered` says that some of it takes earlier usage back. Values of
-- unique meters are events only: rollup_value_changes counts them.
--
-- The first statement is planned at each call, which usage_over_time is not: only a plan for these very arguments finds,
-- of a large org, the few events above the watermark by their transactions, instead of all that it used since by
-- organisation and time. They usually are of the last seconds, and then one plan for all arguments, by organisation and
-- time, reads little else: so the second is planned at each call only where they lie further apart.
CREATE OR REPLACE FUNCTION usage_recent(
    bucket text, org uuid, since timestamptz, until timestamptz, mark bigint, floor bigint, wanted text[],
    measured boolean)
RETURNS SETOF usage_recent_row
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    earliest timestamptz;
    latest timestamptz;
BEGIN
    SELECT min(e.occurred_at), max(e.occurred_at) INTO earliest, latest FROM usage_events e
    WHERE e.org_id = org AND e.tx >= mark AND e.seq > floor AND e.occurred_at >= since AND e.occurred_at < until;
    IF earliest IS NULL THEN
        RETURN;
    END IF;
    IF latest - earliest < interval '5 minutes' THEN
        PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);  -- until this function returns
    END IF;
    RETURN QUERY
    SELECT c.dimension, date_trunc(bucket, c.local_at)::date, c.meter_id, c.aggregation, c.value,
           CASE c.aggregation WHEN 'max' THEN max(c.amount) FILTER (WHERE c.counted) WHEN 'unique' THEN 0
                ELSE sum(c.amount) FILTER (WHERE c.counted) END,
           count(*) FILTER (WHERE c.counted), coalesce(bool_or(c.sign < 0) FILTER (WHERE c.counted), false),
           CASE WHEN measured THEN sum(c.unbilled) END, CASE WHEN measured THEN sum(c.free) END,
           CASE WHEN measured THEN sum(c.free_events)::bigint END, CASE WHEN measured THEN sum(c.responses) END,
           CASE WHEN measured THEN sum(c.latency) END, CASE WHEN measured THEN sum(c.sizes) END
    FROM usage_measured c
    WHERE c.org_id = org AND c.tx >= mark AND c.seq > floor
      AND c.occurred_at >= earliest AND c.occurred_at <= latest
      AND c.dimension = ANY (wanted) AND (measured OR c.counted)
    GROUP BY 1, 2, 3, 4, 5;
END $$;
