-- Adds `quantity` to every window of an instant, locking rows in the order of usage_spans. Raises TK001 if a window would
-- be exceeded. Windows without a row yet have been checked by usage_exceeded_window.
CREATE OR REPLACE FUNCTION usage_consume_windows(
  org uuid, meter integer, zone text, at timestamptz, now timestamptz, quantity numeric, greatest_only boolean,
  per_minute numeric, per_hour numeric, per_day numeric, period_ends timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  s record;
BEGIN
  FOR s IN SELECT * FROM usage_spans(zone, at, now, per_minute, per_hour, per_day) LOOP
    INSERT INTO usage_windows AS w (org_id, meter_id, span, starts_at, ends_at, used)
    VALUES (org, meter, s.span, s.starts_at, s.ends_at, quantity)
    ON CONFLICT (org_id, meter_id, span, starts_at) DO UPDATE
      SET used = CASE WHEN greatest_only THEN greatest(w.used, excluded.used) ELSE w.used + excluded.used END
      WHERE quantity = 0 OR CASE WHEN greatest_only THEN quantity ELSE w.used + quantity END <= s.cap;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the limit is reached' USING ERRCODE = 'TK001', DETAIL = usage_exceeded_window(
        org, meter, zone, at, now, quantity, greatest_only, per_minute, per_hour, per_day, period_ends)::text;
    END IF;
  END LOOP;
END $$;
