-- Open dunnings.
CREATE OR REPLACE VIEW payments_dunnings_running AS
SELECT org_id, stripe_subscription_id, started_at, grace_ends_at FROM dunnings WHERE ended_at IS NULL;
