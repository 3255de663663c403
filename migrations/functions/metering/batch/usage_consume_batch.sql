-- Adds a batch's sums, one per meter and period, to windows and counters. Raises TK002 when a limit has been reached
-- since usage_batch_fits.
CREATE OR REPLACE FUNCTION usage_consume_batch(
  org uuid, now timestamptz, billable boolean, limited boolean, sum_meter integer[], sum_start timestamptz[],
  sum_used numeric[], sum_events bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  win_meter integer[];
  win_span text[];
  win_start timestamptz[];
  win_used numeric[];
  win_cap numeric[];
  taken integer;
BEGIN
  IF limited THEN  -- windows: a meter's sum at once, under the smallest limit of the periods concerned
    SELECT array_agg(w.meter), array_agg(w.span), array_agg(w.starts_at), array_agg(w.used), array_agg(w.cap)
    INTO win_meter, win_span, win_start, win_used, win_cap
    FROM (
      SELECT z.meter, s.span, s.starts_at, sum(z.used) AS used, min(s.cap) AS cap
      FROM unnest(sum_meter, sum_start, sum_used) z (meter, start, used)
      JOIN subscriptions_limits l ON l.org_id = org AND l.meter_id = z.meter AND l.period_start = z.start
        AND num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0
      CROSS JOIN usage_spans(org, now, l.per_minute, l.per_hour, l.per_day) s
      GROUP BY z.meter, s.span, s.starts_at
      ORDER BY z.meter, s.span) w;
    INSERT INTO usage_windows AS w (org_id, meter_id, span, starts_at, used)
    SELECT org, x.meter, x.span, x.starts_at, x.used
    FROM unnest(win_meter, win_span, win_start, win_used) x (meter, span, starts_at, used)
    ON CONFLICT (org_id, meter_id, span, starts_at) DO UPDATE SET used = w.used + excluded.used
      WHERE w.used + excluded.used <= (
        SELECT x.cap FROM unnest(win_meter, win_span, win_cap) x (meter, span, cap)
        WHERE x.meter = w.meter_id AND x.span = w.span);
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken < cardinality(win_meter) THEN
      RAISE EXCEPTION 'the batch must be decided event by event' USING ERRCODE = 'TK002';
    END IF;
  END IF;

  INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, unbilled, events)
  SELECT org, z.meter, z.start, z.used, CASE WHEN billable THEN 0 ELSE z.used END, z.events
  FROM unnest(sum_meter, sum_start, sum_used, sum_events) z (meter, start, used, events)
  ORDER BY z.meter, z.start
  ON CONFLICT (org_id, meter_id, period_start) DO UPDATE
    SET used = c.used + excluded.used, unbilled = c.unbilled + excluded.unbilled, events = c.events + excluded.events
    WHERE NOT limited OR excluded.used = 0 OR NOT EXISTS (
      SELECT FROM subscriptions_limits l
      WHERE l.org_id = c.org_id AND l.meter_id = c.meter_id AND l.period_start = c.period_start
        AND c.used + c.reserved + excluded.used
            > CASE l.policy WHEN 'block' THEN coalesce(l.hard_limit, l.allowance) ELSE l.hard_limit END);
  GET DIAGNOSTICS taken = ROW_COUNT;
  IF taken < cardinality(sum_meter) THEN
    RAISE EXCEPTION 'the batch must be decided event by event' USING ERRCODE = 'TK002';
  END IF;
END $$;
