-- The change that was planned for an org's subscription at an instant, whatever became of it since.
CREATE OR REPLACE FUNCTION subscriptions_planned_at(at timestamptz)
RETURNS TABLE (org_id uuid, subscription_id uuid, plan_version_id uuid, "interval" text, currency text)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT org_id, subscription_id, plan_version_id, "interval", currency
FROM planned_changes WHERE planned_at <= at AND (ended_at IS NULL OR ended_at > at)
$$;
