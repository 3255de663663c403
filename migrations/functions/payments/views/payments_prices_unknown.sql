-- Running subscriptions at Stripe that cost something else than a price of ours: their price names none of our plans, such
-- as one made by hand in the dashboard, or it was put on them more than once, or beside another item.
CREATE OR REPLACE VIEW payments_prices_unknown AS
SELECT running.id AS stripe_subscription_id, running.org_id, running.price_id, running.quantity, running.item_count
FROM stripe_subscriptions running
WHERE running.ended_at IS NULL
  AND (running.quantity <> 1 OR running.item_count <> 1
       OR NOT EXISTS (SELECT FROM stripe_prices known WHERE known.id = running.price_id));
