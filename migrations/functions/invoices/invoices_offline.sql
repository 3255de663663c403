-- Our own invoices with what their lines come to: amount and discount in minor units, `line` of what is usage, and when
-- the line's period began.
CREATE OR REPLACE VIEW invoices_offline AS
SELECT issued.org_id, issued.invoice_id, issued.currency, issued.total,
       coalesce((SELECT jsonb_agg(jsonb_build_object('amount', line.amount, 'discount', line.discount,
                                                     'start', line.period_start,
                                                     'line', CASE WHEN line.kind <> 'fee' THEN line.id END)
                                  ORDER BY line.id)
                 FROM invoice_lines line WHERE line.invoice_id = issued.invoice_id), '[]') AS lines
FROM issued_invoices issued;
