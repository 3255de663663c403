-- The plan version of an org at a given time; without a row of its own, the newest version of the default plan.
CREATE OR REPLACE FUNCTION plan_in_force(org uuid, at timestamptz) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    (SELECT t.plan_version_id FROM plans_in_force t
     WHERE t.org_id = org AND t.starts_at <= at ORDER BY t.starts_at DESC LIMIT 1),
    (SELECT v.id FROM catalog_default_version v));
