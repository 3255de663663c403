-- Returns all that is kept of an org's usage by 'day' or 'month' of its time zone, from `first` to `last` (inclusive),
-- for one dimension; '' is the total. `events` are those that count, `free_events` those that do not.
CREATE OR REPLACE FUNCTION usage_analytics(bucket text, org uuid, first date, last date, wanted text)
RETURNS TABLE (day date, meter_id integer, value text, quantity numeric, events bigint, unbilled numeric, free numeric,
               free_events bigint, responses numeric, latency numeric, sizes numeric)
LANGUAGE sql STABLE AS $$
    SELECT day, meter_id, value, coalesce(s.quantity, 0), coalesce(s.events, 0), m.unbilled, m.free, m.free_events,
           m.responses, m.latency, m.sizes
    FROM usage_series(bucket, org, first, last, NULL, NULL, wanted) s
    FULL JOIN usage_measure_series(bucket, org, first, last, wanted) m USING (day, meter_id, value)
$$;
