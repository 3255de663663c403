-- Returns what an org's events above the watermark change for the values of unique meters, as rollup_value_changes, for
-- some dimensions. Planned at each call, as usage_recent.
CREATE OR REPLACE FUNCTION usage_recent_values(
    org uuid, since timestamptz, until timestamptz, mark bigint, floor bigint, wanted text[])
RETURNS TABLE (dimension text, day date, meter_id integer, value text, value_hash bytea, added integer, stood integer,
               events bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT c.dimension, c.day, c.meter_id, c.value, c.value_hash, c.added, c.stood, c.events
    FROM rollup_value_changes(ARRAY[org], since, until, mark, 9223372036854775807, floor) c
    WHERE c.dimension = ANY (wanted);
END $$;
