-- Returns what of an org's usage counts, by 'day' or 'month' of its time zone, from `first` to `last` (inclusive), for
-- one dimension: usage_over_time says how, and where `since` and `until` cut.
CREATE OR REPLACE FUNCTION usage_series(
    bucket text, org uuid, first date, last date, since timestamptz, until timestamptz, wanted text)
RETURNS TABLE (day date, meter_id integer, value text, quantity numeric, events bigint)
LANGUAGE sql STABLE AS $$
    SELECT t.day, t.meter_id, t.value, t.quantity, t.events
    FROM usage_over_time(bucket, org, first, last, since, until, ARRAY[wanted], false) t
$$;
