-- Counts the events that a limit refused, by meter and hour. For display only, so it does not wait for the disk.
CREATE OR REPLACE FUNCTION usage_count_refused(
  p_org uuid, p_now timestamptz, p_meters text[], p_counts bigint[], p_quantities numeric[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL synchronous_commit = off;
  INSERT INTO refused_quota AS r (org_id, meter_id, hour, count, quantity)
  SELECT p_org, m.id, date_trunc('hour', p_now), x.n, x.q
  FROM unnest(p_meters, p_counts, p_quantities) x (meter, n, q) JOIN catalog_meters m ON m.key = x.meter
  ORDER BY m.id
  ON CONFLICT (org_id, meter_id, hour) DO UPDATE
    SET count = r.count + excluded.count, quantity = r.quantity + excluded.quantity;
END $$;
