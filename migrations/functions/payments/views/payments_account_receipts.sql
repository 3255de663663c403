-- What was paid of invoices at Stripe, each payment on its day; what of a paid invoice no payment brought was paid
-- outside Stripe. What is paid of an invoice that was written off ends that. The columns of `invoices_account`.
CREATE OR REPLACE VIEW payments_account_receipts AS
SELECT invoice.org_id, (payment ->> 'at')::timestamptz AS at, 'paid' AS event, -(payment ->> 'amount')::bigint AS amount,
       invoice.currency, invoice.number AS document, invoice.id AS invoice,
       concat_ws(' ', record.card_brand, record.card_last4) AS detail, payment ->> 'id' AS source
FROM stripe_invoices invoice
CROSS JOIN LATERAL jsonb_array_elements(invoice.payments) payment
LEFT JOIN billing_records record
  ON record.invoice_id = invoice.id AND record.transaction_id = payment ->> 'transaction'
UNION ALL
SELECT invoice.org_id, (payment ->> 'at')::timestamptz, 'written_off_paid', (payment ->> 'amount')::bigint,
       invoice.currency, invoice.number, invoice.id, NULL, payment ->> 'id'
FROM stripe_invoices invoice
CROSS JOIN LATERAL jsonb_array_elements(invoice.payments) payment
WHERE (payment ->> 'at')::timestamptz > invoice.uncollectible_at
UNION ALL
SELECT org_id, paid_at, 'paid_outside', -unpaid, currency, number, id, NULL, id
FROM payments_invoice_sums WHERE status = 'paid' AND unpaid > 0
UNION ALL
SELECT org_id, paid_at, 'written_off_paid', unpaid, currency, number, id, NULL, id
FROM payments_invoice_sums WHERE status = 'paid' AND unpaid > 0 AND uncollectible_at IS NOT NULL;
