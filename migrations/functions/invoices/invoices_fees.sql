-- The fees of billing periods that are on an invoice of ours or wait for one; `anchor_at` is the subscription's.
CREATE OR REPLACE VIEW invoices_fees AS
SELECT org_id, period_start, period_end, (terms ->> 'anchor_at')::timestamptz AS anchor_at, amount, currency
FROM invoice_lines WHERE kind = 'fee';
