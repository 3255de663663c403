-- Prices on offer that have not been pushed to Stripe.
CREATE OR REPLACE VIEW payments_prices_missing AS
SELECT offer.version_id AS plan_version_id, price.interval, price.currency, price.amount
FROM catalog_offers offer
JOIN catalog_prices price ON price.plan_version_id = offer.version_id AND price.amount > 0
LEFT JOIN stripe_prices pushed ON pushed.plan_version_id = offer.version_id AND pushed.interval = price.interval
                              AND pushed.currency = price.currency
WHERE NOT offer.is_default AND pushed.id IS NULL;
