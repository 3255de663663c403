-- Payments of our own invoices that staff recorded, on the day that the money came. What is paid of an invoice that was
-- written off ends that: of several payments the latest. One that was recorded by mistake stays, and is taken back when it
-- was reversed. The columns of `invoices_account`.
CREATE OR REPLACE VIEW payments_account_offline AS
WITH received AS NOT MATERIALIZED (
    SELECT record.org_id, record.id, record.settled_at, record.amount, record.currency, record.reference,
           issued.number, record.offline_invoice_id, issued.written_off_at,
           least(record.amount, greatest(issued.recovered - (
               sum(record.amount) OVER (PARTITION BY record.org_id, record.offline_invoice_id
                                        ORDER BY record.created_at DESC, record.id DESC) - record.amount
           ), 0))::bigint AS recovered
    FROM billing_records record
    JOIN invoices_recoveries issued ON issued.invoice_id = record.offline_invoice_id
    WHERE record.state IN ('completed', 'refunded')
)
SELECT org_id, settled_at AS at, 'paid_offline' AS event, -amount AS amount, currency, number AS document,
       offline_invoice_id::text AS invoice, reference AS detail, id::text AS source
FROM received
UNION ALL
SELECT org_id, greatest(settled_at, written_off_at), 'written_off_paid', recovered, currency, number,
       offline_invoice_id::text, NULL, id::text
FROM received WHERE recovered > 0
UNION ALL
SELECT record.org_id, step.at, step.event, step.amount, record.currency, issued.number, record.offline_invoice_id::text,
       step.detail, record.id::text
FROM billing_records record
JOIN invoices_recoveries issued ON issued.invoice_id = record.offline_invoice_id
CROSS JOIN LATERAL (VALUES (record.settled_at, 'paid_offline', -record.amount, record.reference),
                           (record.reversed_at, 'payment_reversed', record.amount, record.reversed_for))
           AS step (at, event, amount, detail)
WHERE record.state = 'reversed';
