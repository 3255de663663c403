-- Changes of plan for which Stripe charged another amount than our own formula, in minor units before tax.
CREATE OR REPLACE VIEW payments_drifting_changes AS
SELECT id, org_id, stripe_subscription_id, expected, previewed, asked_at FROM plan_changes WHERE drifts;
