-- What settled invoices at Stripe, each part at its instant: payments, what was paid outside Stripe, credit used from the
-- customer's balance, and below zero what was given back of what had been paid. What an invoice left on the balance as a
-- debt, because it was too small to charge, is settled when the next invoice that collects it is paid.
CREATE OR REPLACE VIEW payments_settled AS
WITH moved AS NOT MATERIALIZED (
    SELECT invoice.org_id, invoice.id, invoice.paid_at, invoice.finalized_at,
           least(coalesce(invoice.ending_balance, invoice.starting_balance), 0) - least(invoice.starting_balance, 0)
               AS credit,
           greatest(coalesce(invoice.ending_balance, invoice.starting_balance), 0)
               - greatest(invoice.starting_balance, 0) AS debt
    FROM stripe_invoices invoice WHERE invoice.status = 'paid'
)
SELECT invoice.org_id, invoice.id AS invoice_id, (payment ->> 'at')::timestamptz AS at,
       (payment ->> 'amount')::bigint AS amount
FROM stripe_invoices invoice CROSS JOIN LATERAL jsonb_array_elements(invoice.payments) payment
UNION ALL
SELECT org_id, id, paid_at, unpaid FROM payments_invoice_sums WHERE status = 'paid' AND unpaid > 0
UNION ALL
SELECT org_id, id, paid_at, credit FROM moved WHERE credit > 0
UNION ALL
SELECT moved.org_id, moved.id, later.paid_at, moved.debt
FROM moved CROSS JOIN LATERAL (
    SELECT min(collecting.paid_at) AS paid_at FROM stripe_invoices collecting
    WHERE collecting.org_id = moved.org_id AND collecting.starting_balance > 0
      AND collecting.finalized_at > moved.finalized_at AND collecting.paid_at IS NOT NULL
) later
WHERE moved.debt > 0 AND later.paid_at IS NOT NULL
UNION ALL
SELECT note.org_id, note.invoice_id, step.at, step.amount
FROM stripe_credit_notes note
CROSS JOIN LATERAL (SELECT note.paid - coalesce(sum((part ->> 'amount')::bigint), 0)::bigint AS kept
                    FROM jsonb_array_elements(note.refunds) part) given
CROSS JOIN LATERAL (VALUES (note.created_at, -given.kept), (note.voided_at, given.kept)) AS step (at, amount)
WHERE given.kept > 0 AND step.at IS NOT NULL
UNION ALL
SELECT refund.org_id, paid.invoice_id, step.at, step.amount
FROM stripe_refunds refund
JOIN LATERAL (SELECT record.invoice_id FROM billing_records record
              WHERE record.org_id = refund.org_id AND record.transaction_id = refund.transaction_id
                AND record.invoice_id IS NOT NULL
              ORDER BY record.created_at, record.id LIMIT 1) paid ON true
CROSS JOIN LATERAL (VALUES (refund.created_at, -refund.amount),
                           (CASE WHEN refund.status = 'failed' THEN refund.failed_at END, refund.amount))
           AS step (at, amount)
WHERE refund.status IN ('succeeded', 'failed') AND step.at IS NOT NULL;
