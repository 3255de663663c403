-- What changed a customer's balance at Stripe by itself, such as an adjustment by hand. The columns of
-- `invoices_account`. Movements by invoices and credit notes are left out: those count with their whole amount.
CREATE OR REPLACE VIEW payments_account_balance AS
SELECT org_id, created_at AS at, 'balance' AS event, amount, currency, NULL::text AS document, NULL::text AS invoice,
       description AS detail, id AS source
FROM stripe_balance_movements
WHERE type NOT IN ('applied_to_invoice', 'unapplied_from_invoice', 'invoice_too_small', 'invoice_too_large',
                   'invoice_overpaid', 'credit_note');
