-- Whether a `unique` meter has already counted the value in the period. VOLATILE, so that it sees rows committed since
-- the call began.
CREATE OR REPLACE FUNCTION usage_value_counted(org uuid, meter integer, start timestamptz, wanted bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN EXISTS (SELECT FROM usage_uniques u WHERE u.org_id = org AND u.meter_id = meter AND u.period_start = start
                 AND u.value_hash = wanted);
END $$;
