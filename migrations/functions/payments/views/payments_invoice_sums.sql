-- Each final invoice at Stripe with what was paid of it, in all and by the time it was written off. `carried` is what it
-- moved on the customer's balance: above zero where credit was used up. What was left when it was closed is `unpaid`.
CREATE OR REPLACE VIEW payments_invoice_sums AS
SELECT invoice.org_id, invoice.id, invoice.number, invoice.currency, invoice.status, invoice.total,
       invoice.finalized_at, invoice.paid_at, invoice.voided_at, invoice.uncollectible_at,
       coalesce(invoice.ending_balance, invoice.starting_balance) - invoice.starting_balance AS carried,
       invoice.amount_due - received.whole AS unpaid, invoice.amount_due - received.before AS written_off
FROM stripe_invoices invoice
CROSS JOIN LATERAL (
    SELECT coalesce(sum((payment ->> 'amount')::bigint), 0)::bigint AS whole,
           coalesce(sum((payment ->> 'amount')::bigint)
                    FILTER (WHERE (payment ->> 'at')::timestamptz <= invoice.uncollectible_at), 0)::bigint AS before
    FROM jsonb_array_elements(invoice.payments) payment
) received
WHERE invoice.finalized_at IS NOT NULL AND invoice.status <> 'draft';
