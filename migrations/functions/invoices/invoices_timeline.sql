-- What our own invoices add to an org's timeline. The columns of `accounts_timeline`; amounts in minor units.
CREATE OR REPLACE VIEW invoices_timeline AS
SELECT org_id, at, 'invoice' AS kind, 'invoices:' || event || ':' || source AS key, event AS what,
       NULL::uuid AS actor_id,
       jsonb_build_object('amount', amount, 'currency', currency, 'document', document, 'detail', detail,
                          'issued_id', invoice) AS facts
FROM invoices_account WHERE amount <> 0 OR event = 'invoice';
