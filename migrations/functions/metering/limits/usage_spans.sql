-- Lists the windows that limit a meter's use at an instant, in the order in which their rows are locked. Use belongs to the
-- window in which it happened. Days and hours are in the zone in which the usage period was opened; minutes are the same
-- everywhere. Windows of hours and minutes are kept for two days: older use is limited by day and period.
CREATE OR REPLACE FUNCTION usage_spans(
  zone text, at timestamptz, now timestamptz, per_minute numeric, per_hour numeric, per_day numeric)
RETURNS TABLE (span text, starts_at timestamptz, ends_at timestamptz, cap numeric)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF per_day IS NOT NULL THEN
    RETURN QUERY SELECT 'day', usage_midnight((at AT TIME ZONE zone)::date, zone),
      usage_midnight((at AT TIME ZONE zone)::date + 1, zone), per_day;
  END IF;
  IF at < now - interval '2 days' THEN
    RETURN;
  END IF;
  IF per_hour IS NOT NULL THEN
    RETURN QUERY SELECT 'hour', date_trunc('hour', at, zone),
      date_trunc('hour', at, zone) + interval '1 hour', per_hour;
  END IF;
  IF per_minute IS NOT NULL THEN
    RETURN QUERY SELECT 'minute', date_trunc('minute', at),
      date_trunc('minute', at) + interval '1 minute', per_minute;
  END IF;
END $$;
