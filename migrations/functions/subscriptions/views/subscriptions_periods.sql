-- Usage periods.
CREATE OR REPLACE VIEW subscriptions_periods AS
SELECT org_id, starts_at, ends_at, plan_version_id FROM usage_periods;
