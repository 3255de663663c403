-- Running subscriptions at Stripe beside the one that an org's plan follows: charged, but they grant nothing.
CREATE OR REPLACE VIEW payments_second_subscriptions AS
SELECT s.org_id, s.id, s.status, price.plan_version_id, price.interval, price.currency, price.amount, s.period_end
FROM stripe_subscriptions s
JOIN stripe_prices price ON price.id = s.price_id
WHERE s.ended_at IS NULL AND s.status NOT IN ('incomplete', 'incomplete_expired', 'canceled')
  AND s.id <> payments_open_subscription(s.org_id);
