-- Current subscriptions; no row means the default plan.
CREATE OR REPLACE VIEW subscriptions_open AS
SELECT org_id, id, plan_version_id, state, interval, currency, collection, started_at, billing_ends_at,
       cancel_at, limited_at, restriction_lifted_until, trial_ends_at
FROM subscriptions WHERE ended_at IS NULL;
