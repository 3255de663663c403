-- Computes the values that unique meters have counted in the periods that end after `since`, hashed as in usage_value.
CREATE OR REPLACE FUNCTION usage_unique_figures(orgs uuid[], since timestamptz)
RETURNS TABLE (org_id uuid, meter_id integer, period_start timestamptz, value_hash bytea)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.org_id, c.meter_id, p.starts_at, substr(sha256(convert_to(c.item, 'UTF8')), 1, 16)
    FROM subscriptions_periods p
    JOIN usage_counted c ON c.org_id = p.org_id AND c.occurred_at >= p.starts_at AND c.occurred_at < p.ends_at
    WHERE p.org_id = ANY (orgs) AND p.ends_at > since AND c.aggregation = 'unique' AND c.item IS NOT NULL
    GROUP BY 1, 2, 3, c.item
    HAVING sum(c.sign) > 0
$$;
