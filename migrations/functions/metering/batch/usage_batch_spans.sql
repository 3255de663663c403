-- Lists what the events of a batch add to windows: a row per meter (its index), period (its index), minute and span.
-- Whoever needs a window's sum groups by meter, span and starts_at; whoever needs an event's windows joins by meter,
-- period and minute.
CREATE OR REPLACE FUNCTION usage_batch_spans(
  org uuid, now timestamptz, meter_ids integer[], aggregations text[], starts timestamptz[], zones text[],
  meter integer[], quantity numeric[], at timestamptz[])
RETURNS TABLE (
  m integer, period integer, minute timestamptz, span text, starts_at timestamptz, ends_at timestamptz, cap numeric,
  quantity numeric)
LANGUAGE sql STABLE AS $$
  SELECT z.m, z.period, z.minute, s.span, s.starts_at, s.ends_at, s.cap, z.q
  FROM (SELECT x.m, width_bucket(x.a, starts) AS period, date_trunc('minute', x.a) AS minute,
               sum(CASE aggregations[x.m] WHEN 'count' THEN 1 ELSE x.q END) AS q
        FROM unnest(meter, quantity, at) x (m, q, a) GROUP BY 1, 2, 3) z
  JOIN subscriptions_terms l ON l.org_id = org AND l.meter_id = meter_ids[z.m] AND l.period_start = starts[z.period]
    AND num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0
  CROSS JOIN LATERAL usage_spans(zones[z.period], z.minute, now, l.per_minute, l.per_hour, l.per_day) s
$$;
