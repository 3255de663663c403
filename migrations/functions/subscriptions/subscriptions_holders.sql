-- Organisations that are on a plan at a given time, each with its usage period of then and that period's plan version.
-- An organisation whose first period is not open yet, in its first minute, is not among them.
CREATE OR REPLACE FUNCTION subscriptions_holders(at timestamptz)
RETURNS TABLE (org_id uuid, name text, period_start timestamptz, plan_version_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT org.id, org.name, period.starts_at, period.plan_version_id
FROM accounts_orgs org
CROSS JOIN LATERAL (SELECT p.starts_at, p.ends_at, p.plan_version_id FROM usage_periods p
                    WHERE p.org_id = org.id AND p.starts_at <= at ORDER BY p.starts_at DESC LIMIT 1) period
WHERE org.deleted_at IS NULL AND period.ends_at > at
$$;
