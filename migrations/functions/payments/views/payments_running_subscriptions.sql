-- The running subscriptions of each org at Stripe, in order: the first is the one that its plan follows, which is the one
-- linked to ours, else the oldest. Any other is charged, but grants nothing. One whose trial was refused is about to end.
CREATE OR REPLACE VIEW payments_running_subscriptions AS
SELECT org_id, id, status, price_id, period_end,
       row_number() OVER (PARTITION BY org_id ORDER BY subscription_id IS NULL, created_at, id) AS place
FROM stripe_subscriptions
WHERE ended_at IS NULL AND status NOT IN ('incomplete', 'incomplete_expired', 'canceled')
  AND NOT (status = 'trialing' AND coalesce(trial_verdict, 'granted') <> 'granted');
