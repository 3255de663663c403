-- The change that is planned for the end of an org's billing period; no row: none.
CREATE OR REPLACE VIEW subscriptions_planned AS
SELECT org_id, id, plan_version_id, interval, currency, effective_at, origin, usage_at, usage_applied_at FROM planned_changes WHERE ended_at IS NULL;
