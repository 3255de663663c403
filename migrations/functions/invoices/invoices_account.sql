-- What our own invoices and the credit notes on them did to an org's account: what it owes rises by `amount`, in minor
-- units. `event` says what it was, `document` is its number, `invoice` the id of the invoice.
CREATE OR REPLACE VIEW invoices_account AS
SELECT org_id, issued_at AS at, 'invoice' AS event, total AS amount, currency, number AS document,
       invoice_id::text AS invoice, NULL::text AS detail, invoice_id::text AS source
FROM issued_invoices
UNION ALL
SELECT org_id, settled_at, 'invoice_voided', -total, currency, number, invoice_id::text, reason, invoice_id::text
FROM issued_invoices WHERE state = 'void'
UNION ALL
SELECT org_id, written_off_at, 'written_off', -written_off, currency, number, invoice_id::text, NULL, invoice_id::text
FROM issued_invoices WHERE written_off_at IS NOT NULL
UNION ALL
SELECT issued.org_id, note.settled_at, 'credit_note', -note.due_amount, note.currency, note.number,
       note.invoice_id::text, issued.number, note.id::text
FROM issued_invoices issued
JOIN credit_notes note ON note.invoice_id = issued.invoice_id AND note.state = 'issued';
