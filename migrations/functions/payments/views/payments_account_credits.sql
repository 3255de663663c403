-- What credit notes and refunds at Stripe did to an org's account. The columns of `invoices_account`. What goes back to
-- the card is credited with the refund, on its day, whether a note made the refund, names it later, or never does; so a
-- note counts without it, and a refund that fails takes its credit along. Not materialized, so that an org's own are read.
CREATE OR REPLACE VIEW payments_account_credits AS
WITH notes AS NOT MATERIALIZED (
    SELECT note.*, note.total - (SELECT coalesce(sum((part ->> 'amount')::bigint), 0)::bigint
                                 FROM jsonb_array_elements(note.refunds) part) AS kept, invoice.number AS invoice_number
    FROM stripe_credit_notes note LEFT JOIN stripe_invoices invoice ON invoice.id = note.invoice_id
), refunds AS NOT MATERIALIZED (
    SELECT refund.*, note.number, note.invoice_id, record.description
    FROM stripe_refunds refund
    LEFT JOIN LATERAL (
        SELECT known.number, known.invoice_id FROM stripe_credit_notes known
        WHERE known.org_id = refund.org_id
          AND known.refunds @> jsonb_build_array(jsonb_build_object('refund', refund.id))
        ORDER BY known.created_at, known.id LIMIT 1
    ) note ON true
    LEFT JOIN LATERAL (
        SELECT paying.description, paying.invoice_id FROM billing_records paying
        WHERE paying.org_id = refund.org_id AND paying.transaction_id = refund.transaction_id
        ORDER BY paying.created_at, paying.id LIMIT 1
    ) record ON true
    WHERE refund.status IN ('succeeded', 'failed')
)
SELECT org_id, created_at AS at, 'credit_note' AS event, -kept AS amount, currency, number AS document,
       invoice_id AS invoice, invoice_number AS detail, id AS source
FROM notes
UNION ALL
SELECT org_id, created_at, 'refund_outside', outside, currency, number, invoice_id, NULL, id FROM notes
UNION ALL
SELECT org_id, voided_at, 'credit_note_voided', kept - outside, currency, number, invoice_id, NULL, id
FROM notes WHERE voided_at IS NOT NULL
UNION ALL
SELECT org_id, created_at, 'credit_refunded', -amount, currency, number, invoice_id, NULL, id FROM refunds
UNION ALL
SELECT org_id, created_at, 'refund', amount, currency, number, invoice_id, description, id FROM refunds
UNION ALL
SELECT org_id, failed_at, 'refund_failed', -amount, currency, number, invoice_id, description, id
FROM refunds WHERE status = 'failed'
UNION ALL
SELECT org_id, failed_at, 'credit_refund_failed', amount, currency, number, invoice_id, NULL, id
FROM refunds WHERE status = 'failed';
