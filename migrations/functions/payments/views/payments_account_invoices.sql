-- What invoices at Stripe did to an org's account: issued, written off, voided, and the end of writing one off. The
-- columns of `invoices_account`. An invoice counts in full: what the customer's balance paid of it counted before.
CREATE OR REPLACE VIEW payments_account_invoices AS
SELECT org_id, finalized_at AS at, 'invoice' AS event, total AS amount, currency, number AS document, id AS invoice,
       NULL::text AS detail, id AS source
FROM payments_invoice_sums
UNION ALL
SELECT org_id, uncollectible_at, 'written_off', -written_off, currency, number, id, NULL, id
FROM payments_invoice_sums WHERE uncollectible_at IS NOT NULL
UNION ALL
SELECT org_id, voided_at, 'written_off_voided', unpaid, currency, number, id, NULL, id
FROM payments_invoice_sums WHERE voided_at IS NOT NULL AND uncollectible_at IS NOT NULL
UNION ALL
SELECT org_id, voided_at, 'invoice_voided', -unpaid - carried, currency, number, id, NULL, id
FROM payments_invoice_sums WHERE voided_at IS NOT NULL;
