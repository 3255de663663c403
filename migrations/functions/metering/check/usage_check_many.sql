-- Runs usage_check_one for several inputs, possibly of several orgs: one row per input, in order.
CREATE OR REPLACE FUNCTION usage_check_many(
  p_orgs uuid[], p_nows timestamptz[], p_meters text[], p_quantities numeric[])
RETURNS TABLE (
  meter_id integer, aggregation text, starts_at timestamptz, ends_at timestamptz, plan_version_id uuid, policy text,
  allowance numeric, cap numeric, used numeric, reserved numeric, unbilled numeric, exceeded_window jsonb)
LANGUAGE sql STABLE AS $$
  SELECT one.*
  FROM unnest(p_orgs, p_nows, p_meters, p_quantities) WITH ORDINALITY q (org, at, meter, quantity, n),
    LATERAL usage_check_one(q.org, q.at, q.meter, q.quantity) one
  ORDER BY q.n
$$;
