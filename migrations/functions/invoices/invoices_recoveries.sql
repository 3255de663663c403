-- Our own invoices with what of each was written off and paid after all.
CREATE OR REPLACE VIEW invoices_recoveries AS
SELECT org_id, invoice_id, number, written_off_at,
       coalesce(written_off - CASE WHEN state = 'written_off' THEN remaining ELSE 0 END, 0) AS recovered
FROM issued_invoices;
