-- Returns the first window that `quantity` more at an instant would exceed, as the facts of a refusal; NULL if it fits.
-- Read-only.
CREATE OR REPLACE FUNCTION usage_exceeded_window(
  org uuid, meter integer, zone text, at timestamptz, now timestamptz, quantity numeric, greatest_only boolean,
  per_minute numeric, per_hour numeric, per_day numeric, period_ends timestamptz)
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT usage_facts(s.span, s.cap, coalesce(w.used, 0), 0, s.starts_at, usage_window_ends(s.ends_at, period_ends, now),
                       quantity, greatest_only)
    FROM usage_spans(zone, at, now, per_minute, per_hour, per_day) s
    LEFT JOIN usage_windows w ON w.org_id = org AND w.meter_id = meter AND w.span = s.span AND w.starts_at = s.starts_at
    WHERE quantity > 0 AND CASE WHEN greatest_only THEN quantity ELSE coalesce(w.used, 0) + quantity END > s.cap
    LIMIT 1);
END $$;
