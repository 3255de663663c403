-- Usage periods; those with `closed_at` are rated for good.
CREATE OR REPLACE VIEW subscriptions_periods AS
SELECT org_id, starts_at, ends_at, plan_version_id, time_zone, currency, opened_at, closed_at FROM usage_periods;
