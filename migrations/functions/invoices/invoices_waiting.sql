-- Lines with an amount that stand on no invoice yet.
CREATE OR REPLACE VIEW invoices_waiting AS
SELECT org_id, period_start, currency, amount FROM invoice_lines WHERE invoice_id IS NULL AND amount <> 0;
