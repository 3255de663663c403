-- What was billed of a closed period so far, by meter: its lines added up.
CREATE OR REPLACE VIEW invoices_billed AS
SELECT org_id, period_start, meter_id, sum(quantity) AS quantity, sum(imported) AS imported,
       sum(events)::bigint AS events, sum(exact_amount) AS exact_amount, sum(amount)::bigint AS amount
FROM invoice_lines WHERE kind <> 'fee' GROUP BY org_id, period_start, meter_id;
