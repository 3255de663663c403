-- Adds a batch's events to the windows in which they happened: each window's sum at once, in the order of their keys,
-- under the smallest limit of the periods that share it. Raises TK002 when a window's limit has been reached meanwhile.
CREATE OR REPLACE FUNCTION usage_consume_batch_windows(
  org uuid, now timestamptz, meter_ids integer[], aggregations text[], starts timestamptz[], zones text[],
  meter integer[], quantity numeric[], at timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  win_meter integer[];
  win_span text[];
  win_start timestamptz[];
  win_end timestamptz[];
  win_used numeric[];
  win_cap numeric[];
  taken integer;
BEGIN
  SELECT array_agg(g.meter), array_agg(g.span), array_agg(g.starts_at), array_agg(g.ends_at), array_agg(g.q),
         array_agg(g.cap)
  INTO win_meter, win_span, win_start, win_end, win_used, win_cap
  FROM (
    SELECT meter_ids[s.m] AS meter, s.span, s.starts_at, max(s.ends_at) AS ends_at, sum(s.quantity) AS q,
           min(s.cap) AS cap
    FROM usage_batch_spans(org, now, meter_ids, aggregations, starts, zones, meter, quantity, at) s
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3) g;
  INSERT INTO usage_windows AS w (org_id, meter_id, span, starts_at, ends_at, used)
  SELECT org, x.meter, x.span, x.starts_at, x.ends_at, x.used
  FROM unnest(win_meter, win_span, win_start, win_end, win_used) x (meter, span, starts_at, ends_at, used)
  ON CONFLICT (org_id, meter_id, span, starts_at) DO UPDATE SET used = w.used + excluded.used
    WHERE w.used + excluded.used <= (
      SELECT x.cap FROM unnest(win_meter, win_span, win_start, win_cap) x (meter, span, starts_at, cap)
      WHERE x.meter = w.meter_id AND x.span = w.span AND x.starts_at = w.starts_at);
  GET DIAGNOSTICS taken = ROW_COUNT;
  IF taken < cardinality(win_meter) THEN
    RAISE EXCEPTION 'the batch must be decided event by event' USING ERRCODE = 'TK002';
  END IF;
END $$;
