-- Computes from the events what some orgs' counters should be.
CREATE OR REPLACE FUNCTION usage_counter_figures(orgs uuid[])
RETURNS TABLE (org_id uuid, meter_id integer, period_start timestamptz, used numeric, unbilled numeric, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.org_id, f.meter_id, p.starts_at, f.used, f.unbilled, f.events
    FROM subscriptions_periods p, LATERAL usage_span_figures(p.org_id, p.starts_at, p.ends_at) f
    WHERE p.org_id = ANY (orgs)
$$;
