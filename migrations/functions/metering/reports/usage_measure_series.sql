-- Returns an org's parts and histograms by 'day' or 'month' of its time zone, from `first` to `last` (inclusive), for
-- one dimension: the roll-up plus the events above the watermark. Packed histograms; NULL where no event has any.
CREATE OR REPLACE FUNCTION usage_measure_series(bucket text, org uuid, first date, last date, wanted text)
RETURNS TABLE (day date, meter_id integer, value text, unbilled numeric, free numeric, free_events bigint,
               responses numeric, latency numeric, sizes numeric)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    doubt CONSTANT interval := '15 hours';  -- no time zone is further from UTC
    until CONSTANT date := date_trunc(bucket, last::timestamp) + ('1 ' || bucket)::interval;
    mark record;
BEGIN
    SELECT * INTO mark FROM rollup_watermark(org);
    first := date_trunc(bucket, first::timestamp)::date;
    RETURN QUERY
    SELECT u.day, u.meter_id, u.value, sum(u.unbilled), sum(u.free), sum(u.free_events)::bigint, sum(u.responses),
           sum(u.latency), sum(u.sizes)
    FROM (
        SELECT d.day, d.meter_id, d.value, d.unbilled, d.free, d.free_events, d.responses, d.latency, d.sizes
        FROM usage_days d
        WHERE bucket = 'day' AND mark.valid AND d.org_id = org AND d.dimension = wanted
          AND d.day >= first AND d.day < until
        UNION ALL
        SELECT m.month, m.meter_id, m.value, m.unbilled, m.free, m.free_events, m.responses, m.latency, m.sizes
        FROM usage_months m
        WHERE bucket = 'month' AND mark.valid AND m.org_id = org AND m.dimension = wanted
          AND m.month >= first AND m.month < until
        UNION ALL
        SELECT date_trunc(bucket, c.local_at)::date, c.meter_id, c.value, c.unbilled, c.free, c.free_events, c.responses,
               c.latency, c.sizes
        FROM usage_measured c
        WHERE c.org_id = org AND c.tx >= mark.upto AND c.seq > mark.floor_seq
          AND c.occurred_at >= first::timestamp AT TIME ZONE 'UTC' - doubt
          AND c.occurred_at < until::timestamp AT TIME ZONE 'UTC' + doubt
          AND c.local_at >= first AND c.local_at < until AND c.dimension = wanted
    ) u
    WHERE num_nonnulls(u.unbilled, u.free_events, u.responses, u.latency, u.sizes) > 0
    GROUP BY u.day, u.meter_id, u.value;
END $$;
