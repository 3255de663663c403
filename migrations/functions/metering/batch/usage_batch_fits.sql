-- Whether a whole batch stays within every limit, counting duplicates as new events. Read-only. If it does not fit,
-- usage_admit decides exactly. Raises TK004 if a meter's terms in a period are missing or have run out.
CREATE OR REPLACE FUNCTION usage_batch_fits(
  org uuid, now timestamptz, meter_ids integer[], aggregations text[], starts timestamptz[], zones text[],
  meter integer[], quantity numeric[], at timestamptz[])
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  unresolved boolean;
  exceeded boolean;
  windowed boolean;
BEGIN
  SELECT bool_or(l.meter_id IS NULL OR l.valid_until <= now),
         bool_or(z.q + coalesce(c.billable + c.reserved, 0) > l.cap),
         bool_or(num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0)
  INTO unresolved, exceeded, windowed
  FROM (
    SELECT meter_ids[x.m] AS meter, starts[width_bucket(x.a, starts)] AS start,
           sum(CASE aggregations[x.m] WHEN 'count' THEN 1 ELSE x.q END) AS q
    FROM unnest(meter, quantity, at) x (m, q, a) GROUP BY 1, 2) z
  LEFT JOIN subscriptions_terms l ON l.org_id = org AND l.meter_id = z.meter AND l.period_start = z.start
  LEFT JOIN usage_counters c ON c.org_id = org AND c.meter_id = z.meter AND c.period_start = z.start;
  IF unresolved THEN
    RAISE EXCEPTION 'the terms of a meter are unresolved' USING ERRCODE = 'TK004';
  END IF;
  RETURN NOT coalesce(exceeded, false) AND NOT (windowed AND EXISTS (
    SELECT FROM (
      SELECT s.m, s.span, s.starts_at, min(s.cap) AS cap, sum(s.quantity) AS q
      FROM usage_batch_spans(org, now, meter_ids, aggregations, starts, zones, meter, quantity, at) s
      GROUP BY 1, 2, 3) g
    LEFT JOIN usage_windows w ON w.org_id = org AND w.meter_id = meter_ids[g.m] AND w.span = g.span
      AND w.starts_at = g.starts_at
    WHERE coalesce(w.used, 0) + g.q > g.cap));
END $$;
