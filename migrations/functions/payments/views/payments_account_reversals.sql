-- What else was given up of our own invoices that had been written off when a payment made before that turned out to be a
-- mistake: it is owed no more than the rest. The columns of `invoices_account`.
CREATE OR REPLACE VIEW payments_account_reversals AS
SELECT issued.org_id, max(record.reversed_at) AS at, 'written_off' AS event, issued.recovered AS amount, record.currency,
       issued.number AS document, issued.invoice_id::text AS invoice, NULL::text AS detail,
       issued.invoice_id::text AS source
FROM invoices_recoveries issued
JOIN billing_records record ON record.offline_invoice_id = issued.invoice_id AND record.state = 'reversed'
WHERE issued.recovered < 0
GROUP BY issued.org_id, issued.invoice_id, issued.number, issued.recovered, record.currency;
