-- Returns an org's usage above the watermark by 'day' or 'month' of its time zone, for one dimension; `lowered` says that
-- some of it takes earlier usage back. Values of unique meters are events only: rollup_value_changes counts them.
--
-- Planned at each call, which usage_series is not: only a plan for these very arguments finds, of a large org, the few
-- events above the watermark by their transactions, instead of all that it used since by organisation and time.
CREATE OR REPLACE FUNCTION usage_recent(
    bucket text, org uuid, since timestamptz, until timestamptz, mark bigint, floor bigint, wanted text)
RETURNS SETOF usage_recent_row
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT date_trunc(bucket, c.local_at)::date, c.meter_id, c.aggregation, c.value,
           CASE c.aggregation WHEN 'max' THEN max(c.amount) WHEN 'unique' THEN 0 ELSE sum(c.amount) END, count(*),
           bool_or(c.sign < 0)
    FROM usage_by_dimension c
    WHERE c.org_id = org AND c.tx >= mark AND c.seq > floor AND c.occurred_at >= since AND c.occurred_at < until
      AND c.dimension = wanted
    GROUP BY 1, 2, 3, 4;
END $$;
