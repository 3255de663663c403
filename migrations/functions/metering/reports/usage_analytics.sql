-- Returns all that is kept of an org's usage by 'day' or 'month' of its time zone, from `first` to `last` (inclusive),
-- for one dimension; '' is the total. `events` are those that count, `free_events` those that do not.
CREATE OR REPLACE FUNCTION usage_analytics(bucket text, org uuid, first date, last date, wanted text)
RETURNS TABLE (day date, meter_id integer, value text, quantity numeric, events bigint, unbilled numeric, free numeric,
               free_events bigint, responses numeric, latency numeric, sizes numeric)
LANGUAGE sql STABLE AS $$
    SELECT t.day, t.meter_id, t.value, t.quantity, t.events, t.unbilled, t.free, t.free_events, t.responses, t.latency,
           t.sizes
    FROM usage_over_time(bucket, org, first, last, NULL, NULL, ARRAY[wanted], true) t
$$;
