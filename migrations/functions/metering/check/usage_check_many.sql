-- Runs usage_check_one for several inputs, possibly of several orgs: one row per input, in order.
CREATE OR REPLACE FUNCTION usage_check_many(
  p_orgs uuid[], p_nows timestamptz[], p_meters text[], p_quantities numeric[], p_named jsonb[])
RETURNS TABLE (
  meter_id integer, aggregation text, resolved boolean, starts_at timestamptz, ends_at timestamptz, currency text,
  charge_id uuid, policy text, allowance numeric, cap numeric, used numeric, reserved numeric, imported numeric,
  delta numeric, exceeded_window jsonb)
LANGUAGE sql STABLE AS $$
  SELECT one.*
  FROM unnest(p_orgs, p_nows, p_meters, p_quantities, p_named) WITH ORDINALITY q (org, at, meter, quantity, named, n),
    LATERAL usage_check_one(q.org, q.at, q.meter, q.quantity, q.named) one
  ORDER BY q.n
$$;
