-- The hour that roll-ups keep an event under. Distinct values are not counted by hour: each would be kept once more for
-- every hour.
CREATE OR REPLACE FUNCTION usage_hour(aggregation text, at timestamp) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN aggregation <> 'unique' THEN date_part('hour', at)::integer END;
