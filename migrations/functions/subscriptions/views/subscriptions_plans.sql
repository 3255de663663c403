-- Plan versions of orgs, each from `starts_at` on.
CREATE OR REPLACE VIEW subscriptions_plans AS
SELECT org_id, starts_at, plan_version_id FROM plans_in_force;
