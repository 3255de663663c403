-- Adds a batch to windows and counters: `meter`, `quantity` and `at` are its recorded events, the sums are theirs by
-- meter and period. Raises TK002 when a limit has been reached since usage_batch_fits.
CREATE OR REPLACE FUNCTION usage_consume_batch(
  org uuid, now timestamptz, p_billable boolean, limited boolean, meter_ids integer[], aggregations text[],
  starts timestamptz[], zones text[], meter integer[], quantity numeric[], at timestamptz[], sum_meter integer[],
  sum_start timestamptz[], sum_used numeric[], sum_events bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  taken integer;
BEGIN
  IF limited AND EXISTS (
      SELECT FROM unnest(sum_meter, sum_start) z (meter, start)
      JOIN subscriptions_terms l ON l.org_id = org AND l.meter_id = z.meter AND l.period_start = z.start
        AND num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0) THEN
    PERFORM usage_consume_batch_windows(org, now, meter_ids, aggregations, starts, zones, meter, quantity, at);
  END IF;

  INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, unbilled, events)
  SELECT org, z.meter, z.start, z.used, CASE WHEN p_billable THEN 0 ELSE z.used END, z.events
  FROM unnest(sum_meter, sum_start, sum_used, sum_events) z (meter, start, used, events)
  ORDER BY z.meter, z.start
  ON CONFLICT (org_id, meter_id, period_start) DO UPDATE
    SET used = c.used + excluded.used, unbilled = c.unbilled + excluded.unbilled, events = c.events + excluded.events
    WHERE NOT limited OR excluded.used = 0 OR NOT EXISTS (
      SELECT FROM subscriptions_terms l
      WHERE l.org_id = c.org_id AND l.meter_id = c.meter_id AND l.period_start = c.period_start
        AND c.billable + c.reserved + excluded.used > l.cap);
  GET DIAGNOSTICS taken = ROW_COUNT;
  IF taken < cardinality(sum_meter) THEN
    RAISE EXCEPTION 'the batch must be decided event by event' USING ERRCODE = 'TK002';
  END IF;
END $$;
