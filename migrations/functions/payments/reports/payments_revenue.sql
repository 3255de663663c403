-- The documents that were settled, in part or in full, in [since, until), each with all that settled it before `until`.
-- `tax` is part of `total`; lines are as in `stripe_invoices`. Credit given by hand on the balance at Stripe has no lines.
CREATE OR REPLACE FUNCTION payments_revenue(since timestamptz, until timestamptz, org uuid)
RETURNS TABLE (org_id uuid, source text, currency text, total bigint, tax bigint, lines jsonb, settled jsonb)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH parts AS (
    SELECT part.org_id, part.invoice_id AS source, part.at, part.amount, 'stripe' AS collector
    FROM payments_settled part WHERE part.at < until AND (org IS NULL OR part.org_id = org)
    UNION ALL
    SELECT record.org_id, record.offline_invoice_id::text, step.at, step.amount, 'offline'
    FROM billing_records record
    CROSS JOIN LATERAL (VALUES (record.settled_at, record.amount), (record.reversed_at, -record.amount))
               AS step (at, amount)
    WHERE record.offline_invoice_id IS NOT NULL AND record.state IN ('completed', 'refunded', 'reversed')
      AND step.at < until AND (org IS NULL OR record.org_id = org)
), documents AS (
    SELECT parts.org_id, parts.source, parts.collector,
           jsonb_agg(jsonb_build_object('at', parts.at, 'amount', parts.amount) ORDER BY parts.at) AS settled
    FROM parts GROUP BY parts.org_id, parts.source, parts.collector HAVING bool_or(parts.at >= since)
)
SELECT document.org_id, document.source, invoice.currency, invoice.total, invoice.tax, coalesce(invoice.lines, '[]'),
       document.settled
FROM documents document JOIN stripe_invoices invoice ON invoice.id = document.source
WHERE document.collector = 'stripe'
UNION ALL
SELECT document.org_id, document.source, issued.currency, issued.total, 0, issued.lines, document.settled
FROM documents document JOIN invoices_offline issued ON issued.invoice_id::text = document.source
WHERE document.collector = 'offline'
UNION ALL
SELECT given.org_id, given.source, given.currency, 0, 0, '[]',
       jsonb_build_array(jsonb_build_object('at', given.at, 'amount', given.amount))
FROM payments_account_balance given
WHERE given.amount < 0 AND given.at >= since AND given.at < until AND (org IS NULL OR given.org_id = org)
$$;
