-- Subscriptions that Stripe charges an org for beside the one that its plan follows.
CREATE OR REPLACE VIEW payments_second_subscriptions AS
SELECT running.org_id, running.id, running.status, price.plan_version_id, price.interval, price.currency, price.amount,
       running.period_end
FROM payments_running_subscriptions running
JOIN stripe_prices price ON price.id = running.price_id
WHERE running.place > 1;
