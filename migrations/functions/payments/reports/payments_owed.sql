-- What an org owes for its running Stripe subscription: its unpaid invoices, one a row. A subscription that is unpaid
-- has its newer invoices kept as drafts by Stripe, and they are owed too. While payments are in order, only an invoice
-- whose payment has failed counts; never that of a change of plan, which is dropped unless it is paid. `confirm_url`: the
-- cardholder must confirm the payment there (3-D Secure).
CREATE OR REPLACE FUNCTION payments_owed(org uuid) RETURNS TABLE (
    invoice_id text, status text, amount bigint, currency text, next_attempt_at timestamptz, created_at timestamptz,
    confirm_url text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT i.id, i.status, i.amount_remaining, i.currency, i.next_attempt_at, i.created_at,
       CASE WHEN i.status = 'open' AND r.failure_code = 'authentication_required' THEN i.hosted_url END
FROM stripe_subscriptions s
JOIN stripe_invoices i ON i.org_id = org AND i.stripe_subscription_id = s.id
LEFT JOIN billing_records r ON r.invoice_id = i.id
WHERE s.id = payments_open_subscription(org) AND i.amount_remaining > 0
  AND NOT (s.pending_price_id IS NOT NULL AND i.id = s.latest_invoice_id)
  AND CASE i.status WHEN 'open' THEN s.status IN ('past_due', 'unpaid') OR r.state = 'failed'
                    WHEN 'draft' THEN s.status = 'unpaid' ELSE false END
$$;
