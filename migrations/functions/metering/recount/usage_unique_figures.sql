-- Computes from the events the values that some orgs' unique meters have counted in each period.
CREATE OR REPLACE FUNCTION usage_unique_figures(orgs uuid[])
RETURNS TABLE (org_id uuid, meter_id integer, period_start timestamptz, value_hash bytea, billable boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.org_id, v.meter_id, p.starts_at, v.value_hash, v.billable
    FROM subscriptions_periods p, LATERAL usage_span_values(p.org_id, p.starts_at, p.ends_at, 0) v
    WHERE p.org_id = ANY (orgs)
$$;
