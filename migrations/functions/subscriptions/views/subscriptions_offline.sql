-- Subscriptions that we invoice ourselves, running and ended. `billing_starts_at`: their last billing period.
CREATE OR REPLACE VIEW subscriptions_offline AS
SELECT org_id, id, plan_version_id, interval, currency, anchor_at, started_at, ended_at, billing_starts_at
FROM subscriptions WHERE collection = 'offline';
