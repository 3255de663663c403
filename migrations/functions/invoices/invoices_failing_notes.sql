-- Pending credit notes that could not be issued, or wait, with why and the invoice that they are on: its number if it is
-- one of ours, its id at Stripe otherwise.
CREATE OR REPLACE VIEW invoices_failing_notes AS
SELECT note.id, note.org_id, note.currency, note.amount, note.error, note.opened_at,
       coalesce(issued.number, invoice.stripe_invoice_id) AS invoice
FROM credit_notes note
JOIN invoices invoice ON invoice.id = note.invoice_id
LEFT JOIN issued_invoices issued ON issued.invoice_id = note.invoice_id
WHERE note.state = 'pending' AND note.error IS NOT NULL;
