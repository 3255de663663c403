-- Whose a customer, a subscription or an invoice at Stripe is, by its id.
CREATE OR REPLACE VIEW payments_stripe_ids AS
SELECT id, org_id FROM stripe_customers
UNION ALL SELECT id, org_id FROM stripe_subscriptions
UNION ALL SELECT id, org_id FROM stripe_invoices;
