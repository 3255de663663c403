-- Running subscriptions at Stripe whose price names none of our plans, such as one made by hand in the dashboard.
CREATE OR REPLACE VIEW payments_prices_unknown AS
SELECT running.id AS stripe_subscription_id, running.org_id, running.price_id
FROM stripe_subscriptions running
WHERE running.ended_at IS NULL AND NOT EXISTS (SELECT FROM stripe_prices known WHERE known.id = running.price_id);
