-- Whether a `unique` meter has counted the value in its period already.
CREATE OR REPLACE FUNCTION usage_counts_value(org uuid, meter integer, start timestamptz, wanted bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN EXISTS (SELECT FROM usage_uniques u WHERE u.org_id = org AND u.meter_id = meter AND u.period_start = start
                 AND u.value_hash = wanted);
END $$;
