-- The id of the oldest open invoice with an amount left to pay.
CREATE OR REPLACE FUNCTION payments_unpaid_invoice(org uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT i.id FROM stripe_invoices i
        WHERE i.org_id = org AND i.status = 'open' AND i.amount_remaining > 0
        ORDER BY i.created_at, i.id LIMIT 1);
