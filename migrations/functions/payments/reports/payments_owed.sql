-- Which invoice is to be paid next? The oldest that is open with something left to pay.
CREATE OR REPLACE FUNCTION payments_owed(org uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT i.id FROM stripe_invoices i
        WHERE i.org_id = org AND i.status = 'open' AND i.amount_remaining > 0
        ORDER BY i.created_at, i.id LIMIT 1);
