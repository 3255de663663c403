-- The instant at which a local date begins: the first of two where midnight comes twice (Havana), as app.kit.periods says.
-- PostgreSQL by itself takes the second. Clocks are set back by half an hour, one or two.
CREATE FUNCTION usage_midnight(day date, zone text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT min(day::timestamp AT TIME ZONE zone - back)
  FROM unnest(ARRAY['0', '30 minutes', '1 hour', '2 hours']::interval[]) back
  WHERE back = '0' OR (day::timestamp AT TIME ZONE zone - back) AT TIME ZONE zone = day::timestamp
$$;

-- The windows that limit a meter at an instant, in the order in which their rows are locked. Days and hours are the
-- org's own; minutes are the same everywhere.
CREATE FUNCTION usage_spans(org uuid, at timestamptz, per_minute numeric, per_hour numeric, per_day numeric)
RETURNS TABLE (span text, starts_at timestamptz, ends_at timestamptz, cap numeric)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  zone text := (SELECT o.time_zone FROM orgs o WHERE o.id = org);
BEGIN
  IF per_day IS NOT NULL THEN
    RETURN QUERY SELECT 'day', usage_midnight((at AT TIME ZONE zone)::date, zone),
      usage_midnight((at AT TIME ZONE zone)::date + 1, zone), per_day;
  END IF;
  IF per_hour IS NOT NULL THEN
    RETURN QUERY SELECT 'hour', date_trunc('hour', at, zone), date_trunc('hour', at, zone) + interval '1 hour', per_hour;
  END IF;
  IF per_minute IS NOT NULL THEN
    RETURN QUERY SELECT 'minute', date_trunc('minute', at), date_trunc('minute', at) + interval '1 minute', per_minute;
  END IF;
END $$;

-- The first window that `quantity` more would pass, as the facts of a refusal; NULL when it fits. Reads only.
CREATE FUNCTION usage_window_over(
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

-- Takes `quantity` from every window, each row locked in the order of usage_spans; refuses with TK001 when a window
-- would be passed. A window that has no row yet was judged by usage_window_over before.
CREATE FUNCTION usage_take_windows(
  org uuid, meter integer, at timestamptz, quantity numeric, greatest_only boolean,
  per_minute numeric, per_hour numeric, per_day numeric)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  s record;
BEGIN
  FOR s IN SELECT * FROM usage_spans(org, at, per_minute, per_hour, per_day) LOOP
    INSERT INTO usage_windows AS w (org_id, meter_id, span, starts_at, used)
    VALUES (org, meter, s.span, s.starts_at, quantity)
    ON CONFLICT (org_id, meter_id, span, starts_at) DO UPDATE
      SET used = CASE WHEN greatest_only THEN greatest(w.used, excluded.used) ELSE w.used + excluded.used END
      WHERE quantity = 0 OR CASE WHEN greatest_only THEN quantity ELSE w.used + quantity END <= s.cap;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'a limit is reached' USING ERRCODE = 'TK001', DETAIL = usage_window_over(
        org, meter, at, quantity, greatest_only, per_minute, per_hour, per_day)::text;
    END IF;
  END LOOP;
END $$;
