-- What the usage of a closed period came to by currency, and the invoices that it stands on; `number` is ours.
CREATE OR REPLACE FUNCTION invoices_usage(org uuid, start timestamptz)
RETURNS TABLE (currency text, amount bigint, kind text, stripe_invoice_id text, number text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.currency, sum(l.amount)::bigint, min(i.kind), min(i.stripe_invoice_id), min(issued.number)
    FROM invoice_lines l LEFT JOIN invoices i ON i.id = l.invoice_id
    LEFT JOIN issued_invoices issued ON issued.invoice_id = i.id
    WHERE l.org_id = org AND l.period_start = start AND l.kind <> 'fee'
    GROUP BY l.currency
$$;
