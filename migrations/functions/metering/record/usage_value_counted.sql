-- How a `unique` meter has counted a value in the period: true, brought by a billable event; false, by an import alone,
-- so that it takes no room yet; NULL, not at all. VOLATILE, so that it sees rows committed since the call began.
CREATE OR REPLACE FUNCTION usage_value_counted(org uuid, meter integer, start timestamptz, wanted bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT u.billable FROM usage_uniques u WHERE u.org_id = org AND u.meter_id = meter AND u.period_start = start
          AND u.value_hash = wanted);
END $$;
