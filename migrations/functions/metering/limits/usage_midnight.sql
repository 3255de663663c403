-- Returns the instant at which a local date begins: the first where midnight occurs twice (Havana), as app.kit.periods
-- does. PostgreSQL alone picks the second. Clocks go back by half an hour, one hour or two.
CREATE OR REPLACE FUNCTION usage_midnight(day date, zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT min(day::timestamp AT TIME ZONE zone - back)
  FROM unnest(ARRAY['0', '30 minutes', '1 hour', '2 hours']::interval[]) back
  WHERE back = '0' OR (day::timestamp AT TIME ZONE zone - back) AT TIME ZONE zone = day::timestamp
$$;
