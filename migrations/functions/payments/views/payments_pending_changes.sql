-- Changes of plan that wait for their payment until `expires_at`, one for each Stripe subscription: price and plan, null
-- if the price is none of ours; what is to be paid, and how that failed. `confirm`: the cardholder must confirm it.
CREATE OR REPLACE VIEW payments_pending_changes AS
SELECT changing.org_id, changing.id AS stripe_subscription_id, price.plan_version_id, price.interval,
       changing.pending_expires_at AS expires_at, invoice.amount_remaining AS amount, invoice.currency,
       invoice.hosted_url AS url, record.failure,
       coalesce(record.failure_code = 'authentication_required', false) AS confirm
FROM stripe_subscriptions changing
LEFT JOIN stripe_prices price ON price.id = changing.pending_price_id
LEFT JOIN stripe_invoices invoice ON invoice.id = changing.latest_invoice_id AND invoice.status = 'open'
LEFT JOIN billing_records record ON record.invoice_id = invoice.id
WHERE changing.pending_price_id IS NOT NULL AND changing.ended_at IS NULL;
