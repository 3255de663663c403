-- Returns the first window that `quantity` more would exceed, as the facts of a refusal; NULL if it fits. Read-only.
CREATE OR REPLACE FUNCTION usage_exceeded_window(
  org uuid, meter integer, at timestamptz, quantity numeric, greatest_only boolean,
  per_minute numeric, per_hour numeric, per_day numeric)
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT usage_facts(s.span, s.cap, coalesce(w.used, 0), 0, s.ends_at)
    FROM usage_spans(org, at, per_minute, per_hour, per_day) s
    LEFT JOIN usage_windows w ON w.org_id = org AND w.meter_id = meter AND w.span = s.span AND w.starts_at = s.starts_at
    WHERE quantity > 0 AND CASE WHEN greatest_only THEN quantity ELSE coalesce(w.used, 0) + quantity END > s.cap
    LIMIT 1);
END $$;
