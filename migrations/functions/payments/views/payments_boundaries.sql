-- Where the paid periods of an org's subscriptions at Stripe begin and end, as we know them.
CREATE OR REPLACE VIEW payments_boundaries AS
SELECT org_id, boundary
FROM stripe_subscriptions CROSS JOIN LATERAL (VALUES (period_start), (period_end)) AS each (boundary);
