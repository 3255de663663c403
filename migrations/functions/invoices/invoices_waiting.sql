-- What waits for an invoice, by org and currency: the lines with an amount that stand on none.
CREATE OR REPLACE VIEW invoices_waiting AS
SELECT org_id, currency, sum(amount)::bigint AS amount, count(*) AS lines
FROM invoice_lines WHERE invoice_id IS NULL AND credit_note_id IS NULL AND amount <> 0 GROUP BY org_id, currency;
