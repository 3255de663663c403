-- Returns until when a window refuses use of a usage period: its own end, or the period's once that is over, since no later
-- use and no other plan makes room in a period that has ended.
CREATE OR REPLACE FUNCTION usage_window_ends(window_ends timestamptz, period_ends timestamptz, now timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN period_ends <= now THEN least(window_ends, period_ends) ELSE window_ends END
$$;
