-- Prices on offer, with their ids and lookup keys at Stripe; null for those that have not been pushed.
CREATE OR REPLACE VIEW payments_prices_on_offer AS
SELECT offer.version_id AS plan_version_id, price.interval, price.currency, price.amount, pushed.id AS price_id,
       pushed.lookup_key
FROM catalog_offers offer
JOIN catalog_prices price ON price.plan_version_id = offer.version_id AND price.amount > 0
LEFT JOIN stripe_prices pushed ON pushed.plan_version_id = offer.version_id AND pushed.interval = price.interval
                              AND pushed.currency = price.currency
WHERE NOT offer.is_default;
