-- Open invoices of an org that are not owed for its running subscription (`payments_owed`): one-offs, those of an earlier
-- subscription, and those to be paid by hand until a day. One a row.
CREATE OR REPLACE FUNCTION payments_open_invoices(org uuid) RETURNS TABLE (
    invoice_id text, number text, amount bigint, currency text, due_at timestamptz, created_at timestamptz, pay_url text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT i.id, i.number, i.amount_remaining, i.currency, i.due_at, i.created_at, i.hosted_url
FROM stripe_invoices i
WHERE i.org_id = org AND i.status = 'open' AND i.amount_remaining > 0
  AND (i.due_at IS NOT NULL OR i.stripe_subscription_id IS DISTINCT FROM payments_open_subscription(org))
  AND NOT EXISTS (SELECT FROM payments_owed(org) owed WHERE owed.invoice_id = i.id)
$$;
